use super::*;
use crate::model::ObjectName;

fn problem(object: &str, message: &str) -> Problem {
    Problem {
        object: ObjectRef { kind: ObjectKind::Ingress, name: ObjectName::new("shop", object) },
        field: "spec".into(),
        code: ProblemCode::InvalidHost,
        severity: Severity::Error,
        message: message.into(),
        remedy: "Correct it".into(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_problem_is_told_once_and_again_only_while_it_stands() {
    let now = Instant::now();
    let mut book = Book::default();
    book.note(problem("a", "x"), 1, now);
    book.note(problem("a", "x"), 1, now);
    let told = book.next(now).unwrap();
    book.told(&told, now);
    assert_eq!(book.next(now), None);
    assert_eq!(book.next_due(), Some(now + REPEAT));
    book.note(problem("a", "x"), -1, now);
    assert_eq!(book.next_due(), Some(now + REPEAT), "another unit still finds it");
    book.note(problem("a", "x"), -1, now);
    assert_eq!(book.next_due(), None);
    // It comes back a moment later: not at once, as it is in an Event already.
    book.note(problem("a", "x"), 1, now);
    assert_eq!(book.next_due(), Some(now + GAP));
}

#[tokio::test(start_paused = true)]
async fn one_object_cannot_flood_and_what_is_passed_over_is_counted() {
    let now = Instant::now();
    let mut book = Book::default();
    for at in 0..100 {
        book.note(problem("a", &format!("{at}")), 1, now);
    }
    book.note(problem("b", "x"), 1, now);
    let mut told = 0;
    while let Some(problem) = book.next(now) {
        book.told(&problem, now);
        told += 1;
    }
    assert_eq!((told, book.take_dropped(), book.take_dropped()), (26, 75, 0));
}

#[tokio::test(start_paused = true)]
async fn the_number_of_problems_kept_is_bounded() {
    let now = Instant::now();
    let mut book = Book::default();
    for at in 0..MOST + 10 {
        book.note(problem(&format!("{at}"), "x"), 1, now);
    }
    assert_eq!((book.standing.len(), book.take_dropped()), (MOST, 10));
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_later_and_later() {
    let mut now = Instant::now();
    let mut book = Book::default();
    book.note(problem("a", "x"), 1, now);
    let told = book.next(now).unwrap();
    for pause in [5, 10, 20] {
        book.failed(&told, now);
        assert_eq!(book.next_due(), Some(now + Duration::from_secs(pause)));
        now += Duration::from_secs(pause);
    }
}

#[tokio::test(start_paused = true)]
async fn rule_51_an_ingress_of_an_unknown_class_gets_events_only_when_it_asks_for_ours() {
    let now = Instant::now();
    let mut book = Book::default();
    let missing = |severity| Problem { code: ProblemCode::ClassNotFound, severity, ..problem("a", "x") };
    book.note(missing(Severity::Warning), 1, now);
    assert_eq!(book.next_due(), None);
    book.note(missing(Severity::Error), 1, now);
    assert_eq!(book.next_due(), Some(now));
}
