//! Conditions of HAProxy, as authors write them: whatever stands in one, it is read within bounds, shown as visible text, and an error
//! says something.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate::translate::annotations::haproxy_condition;

fuzz_target!(|input: &str| {
    match haproxy_condition(input, 1) {
        Ok(condition) => {
            assert!(!condition.any.is_empty(), "{input:?}");
            let terms: usize = condition.any.iter().flatten().map(|clause| clause.any.len()).sum();
            assert!((1..=128).contains(&terms) && input.len() <= 8192, "{input:?}");
            let shown = condition.to_string();
            assert!(shown.chars().all(|next| !next.is_control() || next == '\t'), "{shown:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
