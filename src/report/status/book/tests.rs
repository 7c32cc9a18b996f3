use super::*;
use crate::report::address::sorted;
use crate::report::parse_address;
use crate::source::objects::Annotations;

fn name(text: &str) -> ObjectName {
    ObjectName::new("shop", text)
}

fn list(texts: &[&str]) -> Arc<[Address]> {
    sorted(texts.iter().map(|text| parse_address(text)).collect())
}

fn ingress(text: &str, addresses: &[&str]) -> Arc<Ingress> {
    Arc::new(Ingress {
        name: name(text),
        created: 0,
        class: Some("tidegate".into()),
        annotations: Annotations::default(),
        default_backend: None,
        rules: Box::default(),
        tls: Box::default(),
        addresses: list(addresses).iter().cloned().collect(),
    })
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
    book.note(name("same"), Standing::Ours(ingress("same", &["b.example", "192.0.2.1"])), now);
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
    book.note(a.clone(), Standing::Ours(ingress("a", &["192.0.2.1"])), now);
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
async fn rule_49_an_ingress_that_leaves_is_cleared_once_and_only_if_it_was_ours() {
    let now = Instant::now();
    let mut book = book(&["192.0.2.1"], now);
    book.note(name("theirs"), Standing::NotOurs(ingress("theirs", &["192.0.2.1"])), now);
    assert_eq!(book.next(now), None, "rule 51");
    book.note(name("a"), Standing::Ours(ingress("a", &["192.0.2.1"])), now);
    book.note(name("a"), Standing::NotOurs(ingress("a", &["192.0.2.1"])), now);
    let (a, work) = book.next(now).unwrap();
    assert_eq!(work, Work::Clear);
    book.done(&a, &work, Done::Good, now);
    book.note(a.clone(), Standing::NotOurs(ingress("a", &["203.0.113.9"])), now);
    assert_eq!(book.next_due(), None);
    // Back again.
    book.note(a.clone(), Standing::Ours(ingress("a", &[])), now);
    assert!(is_write(&book.next(now).unwrap().1, &["192.0.2.1"]));
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
        book.note(name(&text), Standing::Ours(ingress(&text, &["192.0.2.1"])), now);
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
