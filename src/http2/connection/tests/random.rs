//! Random inputs for [`pair`](super::pair) and [`wild`](super::wild).

use proptest::prelude::{ProptestConfig, any, proptest};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn our_client_and_our_server_lose_nothing_and_invent_nothing(
        schedule in proptest::collection::vec(any::<u8>(), 0..3000)
    ) {
        super::pair::run(&schedule);
    }

    #[test]
    fn any_bytes_and_any_owner_do_no_harm(input in proptest::collection::vec(any::<u8>(), 0..2000)) {
        super::wild::run(&input);
    }
}

#[test]
fn schedules_that_failed_once() {
    super::pair::run(&[&[0; 20][..], &[246, 0, 0, 111, 56]].concat());
    super::pair::run(include_bytes!("../../../../fuzz/seeds/http2_pair/schedule-4"));
}
