use super::*;

fn lease(holder: &str, renewed: i64) -> LeaseSpec {
    LeaseSpec {
        holder_identity: Some(holder.into()),
        lease_duration_seconds: Some(15),
        renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
        lease_transitions: Some(3),
        ..LeaseSpec::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_is_taken_when_it_has_not_changed_for_its_time_whatever_its_clock_says() {
    let start = Instant::now();
    // Decades ago, and decades ahead: clocks of others say nothing.
    for renewed in [0, 4_000_000_000] {
        let mut candidate = Candidate::new("b".into());
        assert_eq!(candidate.judge(&lease("a", renewed), start), Move::Wait);
        assert_eq!(candidate.judge(&lease("a", renewed), start + DURATION), Move::Wait);
        assert_eq!(candidate.judge(&lease("a", renewed), start + DURATION + RETRY), Move::Take);
        assert_eq!(candidate.judge(&lease("a", renewed + 1), start + DURATION + RETRY), Move::Wait);
    }
}

#[test]
fn a_lease_of_nobody_is_taken_and_ones_own_renewed() {
    let mut candidate = Candidate::new("b".into());
    assert_eq!(candidate.judge(&lease("", 0), Instant::now()), Move::Take);
    assert_eq!(candidate.judge(&lease("b", 0), Instant::now()), Move::Renew);
    let taken = candidate.held(Some(&lease("a", 0)), Timestamp::UNIX_EPOCH);
    assert_eq!((taken.holder_identity.as_deref(), taken.lease_transitions), (Some("b"), Some(4)));
    let renewed = candidate.held(Some(&taken), Timestamp::now());
    assert_eq!((renewed.lease_transitions, renewed.acquire_time), (Some(4), taken.acquire_time));
}

#[test]
fn f16_writes_of_a_lost_term_end_before_another_begins() {
    assert!(RENEW_DEADLINE + crate::report::WRITE_TIMEOUT < DURATION);
}

#[tokio::test(start_paused = true)]
async fn a_term_is_over_by_itself_when_nobody_renews_it() {
    let (sender, receiver) = watch::channel(None);
    let mut term = Term(receiver);
    assert!(!term.is_held());
    sender.send_replace(Some(Instant::now() + RENEW_DEADLINE));
    term.begins().await;
    assert!(term.is_held());
    tokio::time::advance(RENEW_DEADLINE).await;
    assert!(!term.is_held());
}
