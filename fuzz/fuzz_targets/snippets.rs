//! Snippets of nginx's configuration, as authors write them: whatever stands in one, it is read within bounds, and what it comes to
//! is a list of filters, a refusal or closed routes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::translate::annotations::snippets::{Directive, judge, parse};

fuzz_target!(|input: &str| {
    match parse(input) {
        Ok(directives) => assert!(depth(&directives) <= 6 && words(&directives) <= input.len(), "{input:?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let judged = judge(input);
    assert!(judged.chars().all(|next| !next.is_control()), "{judged:?}");
});

fn depth(directives: &[Directive]) -> usize {
    directives.iter().map(|directive| 1 + directive.block.as_deref().map_or(0, depth)).max().unwrap_or(0)
}

fn words(directives: &[Directive]) -> usize {
    let of_one = |directive: &Directive| {
        1 + directive.arguments.len() + directive.block.as_deref().map_or(0, words)
    };
    directives.iter().map(of_one).sum()
}
