use std::sync::Arc;

use super::*;
use crate::model::UserList;

/// `htpasswd -nbB -C 10 alice 'open sesame'`.
const BCRYPT: &str = "$2y$10$RGuRlc7lcgh5jWxLwP434.LOk8aq9AjbCMd0B1sRlI4Kh/A3WMgqG";
/// The same with cost 5.
const QUICK: &str = "$2y$05$5JQoea/yufc3SrlC/gwAZ.tDtrjeaClva8L6gf17wQItiVPDZnoDe";
const SHA: &str = "{SHA}W8r/fyL/UzygmbNAjq2HbA67qac=";

fn users(lines: &str) -> Arc<Users> {
    UserList::of_file(lines.as_bytes()).users
}

/// What `alice` is answered from this address.
async fn ask(passwords: &Passwords, users: &Arc<Users>, password: &str, client: &str) -> PasswordAnswer {
    let client = client.parse().unwrap();
    passwords.answer(&Attempt { users, name: "alice", password: password.as_bytes(), client }).await
}

#[tokio::test]
async fn a_right_password_is_computed_once_until_the_list_differs() {
    let passwords = Passwords::default();
    let list = users(&format!("alice:{QUICK}"));
    for _ in 0..100 {
        assert_eq!(ask(&passwords, &list, "open sesame", "192.0.2.1").await, PasswordAnswer::Right);
    }
    assert_eq!(passwords.work(), (1, 1));
    let other = users(&format!("alice:{QUICK}\nbob:{SHA}"));
    assert_eq!(ask(&passwords, &other, "open sesame", "192.0.2.1").await, PasswordAnswer::Right);
    assert_eq!(passwords.work(), (1, 2));
    assert_eq!(ask(&passwords, &users("bob:x"), "open sesame", "192.0.2.1").await, PasswordAnswer::Wrong);
}

#[tokio::test]
async fn many_who_ask_the_same_at_once_cost_one_computation() {
    let passwords = Passwords::default();
    let list = users(&format!("alice:{BCRYPT}"));
    let asks = (0..100).map(|_| ask(&passwords, &list, "open sesame", "192.0.2.1"));
    let answers = futures_util::future::join_all(asks).await;
    assert!(answers.iter().all(|answer| *answer == PasswordAnswer::Right), "{answers:?}");
    assert_eq!(passwords.work().1, 1);
}

#[tokio::test]
async fn what_cannot_be_right_is_wrong() {
    let passwords = Passwords::default();
    for hash in [QUICK, SHA] {
        let list = users(&format!("alice:{hash}\nbob:{hash}"));
        let name = |name| Attempt { users: &list, name, password: b"open sesame", client: [192, 0, 2, 1].into() };
        assert_eq!(passwords.answer(&name("bob")).await, PasswordAnswer::Right);
        for nobody in ["", "carl", "Alice", "alice ", &"a".repeat(10_000)] {
            assert_eq!(passwords.answer(&name(nobody)).await, PasswordAnswer::Wrong, "{nobody}");
        }
        for wrong in ["", "x", "open sesame\0", "open\0sesame", &"x".repeat(10_000)] {
            assert_eq!(ask(&passwords, &list, wrong, "192.0.2.9").await, PasswordAnswer::Wrong, "{wrong}");
        }
    }
}

#[tokio::test]
async fn who_is_wrong_too_often_is_not_looked_at_and_who_was_right_goes_on() {
    let passwords = Passwords::default();
    for hash in [QUICK, SHA] {
        let list = users(&format!("alice:{hash}"));
        assert_eq!(ask(&passwords, &list, "open sesame", "192.0.2.1").await, PasswordAnswer::Right);
        let mut answers = Vec::new();
        for at in 0..50 {
            answers.push(ask(&passwords, &list, &format!("wrong-{at}"), "192.0.2.1").await);
        }
        assert!(answers[..10].iter().all(|answer| *answer == PasswordAnswer::Wrong), "{answers:?}");
        assert!(answers[20..].contains(&PasswordAnswer::Limited), "{answers:?}");
        assert_eq!(ask(&passwords, &list, "open sesame", "192.0.2.1").await, PasswordAnswer::Right);
        assert_eq!(ask(&passwords, &list, "wrong", "192.0.2.2").await, PasswordAnswer::Wrong);
    }
}

#[tokio::test]
async fn what_waits_is_bounded_and_the_rest_is_told_so_at_once() {
    let passwords = Passwords::bounded(Bounds { threads: 1, waiting: 4, of_list: 3 });
    let lists: Vec<_> = (0..3).map(|at| users(&format!("alice:{BCRYPT}\nuser-{at}:{SHA}"))).collect();
    let ask = |at: usize| {
        let (passwords, list) = (&passwords, &lists[at % 3]);
        async move { ask(passwords, list, &format!("wrong-{at}"), &format!("192.0.2.{at}")).await }
    };
    let answers = futures_util::future::join_all((0..60).map(ask)).await;
    let busy = answers.iter().filter(|answer| **answer == PasswordAnswer::Busy).count();
    let wrong = answers.iter().filter(|answer| **answer == PasswordAnswer::Wrong).count();
    assert_eq!(busy + wrong, 60, "{answers:?}");
    assert!((4..=6).contains(&wrong), "{answers:?}");
    assert_eq!(passwords.work(), (1, wrong));
}

#[test]
fn what_is_remembered_tells_nothing_and_differs_with_each_part() {
    let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).unwrap();
    let (one, other) = (users(&format!("alice:{SHA}")), users(&format!("bob:{SHA}")));
    let proofs = [
        proof(&key, &one, "alice", b"x"),
        proof(&key, &other, "alice", b"x"),
        proof(&key, &one, "alic", b"ex"),
        proof(&key, &one, "alice", b"y"),
    ];
    let distinct: std::collections::BTreeSet<_> = proofs.into_iter().collect();
    assert_eq!(distinct.len(), proofs.len());
}
