use super::*;
use crate::report::address::sorted;
use crate::report::parse_address;

fn name(text: &str) -> ObjectName {
    ObjectName::new("shop", text)
}

fn list(texts: &[&str]) -> Arc<[Address]> {
    sorted(texts.iter().map(|text| parse_address(text)).collect())
}

/// With addresses that another has written.
fn ingress(text: &str, addresses: &[&str]) -> Arc<Ingress> {
    Arc::new(a(text, addresses))
}

/// With addresses that we have written.
fn signed(text: &str, addresses: &[&str]) -> Arc<Ingress> {
    Arc::new(Ingress { is_status_ours: true, ..a(text, addresses) })
}

fn a(text: &str, addresses: &[&str]) -> Ingress {
    let addresses = list(addresses).iter().cloned().collect();
    Ingress { class: Some("tidegate".into()), addresses, ..Ingress::new(name(text)) }
}

fn book(addresses: &[&str], now: Instant) -> Book {
    let mut book = Book::default();
    book.publish(Some(list(addresses)), now);
    book
}

fn is_write(work: &Work, addresses: &[&str]) -> bool {
    matches!(work, Work::Write(_, written) if *written == list(addresses))
}

#[tokio::test(start_paused = true)]
async fn rule_63_only_what_differs_is_written() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1", "b.example"], now);
    book.note(name("same"), Standing::Ours(signed("same", &["b.example", "192.0.2.1"])), now);
    assert_eq!(book.next(now), None);
    book.note(name("new"), Standing::Ours(ingress("new", &[])), now);
    let (written, work) = book.next(now).unwrap();
    assert!(written == name("new") && is_write(&work, &["192.0.2.1", "b.example"]));
    assert_eq!(book.next(now), None);
}

#[tokio::test(start_paused = true)]
async fn rule_64_our_own_write_leads_to_no_other() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    book.note(name("a"), Standing::Ours(ingress("a", &[])), now);
    let (a, work) = book.next(now).unwrap();
    // The watch may be faster than the answer.
    book.note(a.clone(), Standing::Ours(signed("a", &["192.0.2.1"])), now);
    book.done(&a, &work, Done::Good, now);
    assert_eq!(book.next_due(), None);
    // Somebody who writes something else each time is answered less and less often.
    let mut pauses = Vec::new();
    let mut at = now;
    for _ in 0..12 {
        book.note(a.clone(), Standing::Ours(ingress("a", &["203.0.113.1"])), at);
        let due = book.next_due().unwrap();
        pauses.push(due - at);
        at = due;
        let (_, work) = book.next(at).unwrap();
        book.done(&a, &work, Done::Good, at);
    }
    assert!(pauses.is_sorted() && pauses[0] == FIRST_PAUSE && pauses[11] == LONGEST_PAUSE, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn rule_63_an_ingress_that_was_made_anew_while_its_status_was_written_gets_one_too() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    book.note(name("a"), Standing::Ours(ingress("a", &[])), now);
    let (of_a, work) = book.next(now).unwrap();
    book.note(of_a.clone(), Standing::Gone, now);
    book.note(of_a.clone(), Standing::Ours(ingress("a", &[])), now);
    book.done(&of_a, &work, Done::Good, now);
    let due = book.next_due().expect("the new one is to be written");
    assert!(is_write(&book.next(due).unwrap().1, &["192.0.2.1"]));
    // So does one that changed its class for another of ours meanwhile, for which the write was left.
    book.note(name("b"), Standing::Ours(ingress("b", &[])), now);
    let (b, work) = book.next(now).unwrap();
    book.note(b.clone(), Standing::Ours(Arc::new(Ingress { class: Some("other".into()), ..a("b", &[]) })), now);
    book.done(&b, &work, Done::Good, now);
    assert!(book.next_due().is_some());
}

#[tokio::test(start_paused = true)]
async fn rule_49_an_ingress_that_leaves_is_cleared_once_and_only_if_we_wrote_its_status() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    book.note(name("a"), Standing::Ours(signed("a", &["192.0.2.1"])), now);
    book.note(name("a"), Standing::NotOurs(signed("a", &["192.0.2.1"])), now);
    let (a, work) = book.next(now).unwrap();
    assert_eq!(work, Work::Clear(signed("a", &["192.0.2.1"])));
    book.done(&a, &work, Done::Good, now);
    book.note(a.clone(), Standing::NotOurs(ingress("a", &["203.0.113.9"])), now);
    assert!(book.next_due().is_none() && book.entries.is_empty());
    // Back again.
    book.note(a.clone(), Standing::Ours(ingress("a", &[])), now);
    assert!(is_write(&book.next(now).unwrap().1, &["192.0.2.1"]));
}

#[tokio::test(start_paused = true)]
async fn rule_49_what_a_former_process_wrote_is_cleared_and_rule_51_what_others_wrote_is_not() {
    let now = Instant::now();
    for addresses in [None, Some(list(&["192.0.2.1"]))] {
        let mut book = Book::default();
        book.publish(addresses, now);
        book.note(name("theirs"), Standing::NotOurs(ingress("theirs", &["192.0.2.1"])), now);
        assert_eq!(book.next(now), None);
        book.note(name("left"), Standing::NotOurs(signed("left", &["203.0.113.1"])), now);
        let (left, work) = book.next(now).unwrap();
        assert_eq!((&left, &work), (&name("left"), &Work::Clear(signed("left", &["203.0.113.1"]))));
        // It is reported once more before the answer, and then as it was left.
        book.note(left.clone(), Standing::NotOurs(signed("left", &["203.0.113.1"])), now);
        book.done(&left, &work, Done::Good, now);
        assert!(book.next_due().is_none() && book.entries.is_empty());
        // Another was faster.
        book.note(left.clone(), Standing::NotOurs(signed("left", &["203.0.113.1"])), now);
        book.note(left, Standing::NotOurs(ingress("left", &["203.0.113.1"])), now);
        assert!(book.next_due().is_none() && book.entries.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn rule_49_the_same_addresses_of_a_former_controller_become_ours_too() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    book.note(name("a"), Standing::Ours(ingress("a", &["192.0.2.1"])), now);
    let (a, work) = book.next(now).unwrap();
    assert!(is_write(&work, &["192.0.2.1"]));
    book.done(&a, &work, Done::Good, now);
    assert_eq!(book.next_due(), None);
    // News from before the write may come after it.
    book.note(a.clone(), Standing::Ours(ingress("a", &["192.0.2.1"])), now);
    book.note(a.clone(), Standing::Ours(signed("a", &["192.0.2.1"])), now);
    assert_eq!(book.next_due(), None);
    // Nothing cannot be signed.
    book.publish(Some(list(&[])), now);
    book.note(a, Standing::Ours(ingress("a", &[])), now);
    assert_eq!(book.next_due(), None);
}

#[tokio::test(start_paused = true)]
async fn f17_conflicts_for_ever_are_tried_ever_less_often() {
    let start = Instant::now();
    let mut book = book(&["192.0.2.1"], start);
    book.note(name("a"), Standing::Ours(ingress("a", &[])), start);
    let mut tries = 0;
    while let Some(due) = book.next_due().filter(|due| *due < start + Duration::from_secs(3600)) {
        let (a, work) = book.next(due).unwrap();
        book.done(&a, &work, Done::Bad, due);
        tries += 1;
    }
    assert!((10..25).contains(&tries), "{tries}");
}

#[tokio::test(start_paused = true)]
async fn rule_65_another_address_makes_every_status_due_at_once() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    for at in 0..1000 {
        let text = format!("i{at}");
        book.note(name(&text), Standing::Ours(signed(&text, &["192.0.2.1"])), now);
    }
    assert_eq!(book.next(now), None);
    book.publish(Some(list(&["192.0.2.2"])), now);
    let mut count = 0;
    while let Some((name, work)) = book.next(now) {
        book.done(&name, &work, Done::Good, now);
        count += 1;
    }
    assert_eq!((count, book.next_due()), (1000, None));
}

#[tokio::test(start_paused = true)]
async fn without_addresses_known_every_status_stays() {
    let now = Instant::now();
    let mut book = Book::default();
    book.note(name("a"), Standing::Ours(ingress("a", &["203.0.113.1"])), now);
    assert_eq!(book.next_due(), None);
    book.note(name("a"), Standing::Gone, now);
    assert!(book.entries.is_empty() && book.due.is_empty());
}
