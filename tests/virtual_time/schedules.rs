//! Requests and answers in pieces of any size with pauses of any length: what comes out is what went in. The pieces follow
//! from a seed, which a failure shows; `SEED=N cargo test --test virtual_time any_schedule` plays that one alone.
//!
//! Each request has connections of its own.

use crate::stage::{Side, Stage, on_stage, seconds};

/// Seeds of every run.
const SEEDS: std::ops::Range<u64> = 0..60;

/// Numbers that follow from a seed (splitmix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }

    /// Sends bytes in pieces, some of them at once, some after a pause; all pauses together are below ten seconds.
    async fn send(&mut self, side: &mut Side, bytes: &[u8]) {
        let mut rest = bytes;
        let mut pauses = 9.0;
        while !rest.is_empty() {
            let longest = [1, 4, 40, 4000][self.below(4)];
            let (piece, after) = rest.split_at(1 + self.below(longest.min(rest.len())));
            side.send(piece).await;
            rest = after;
            if self.below(4) == 0 && pauses > 0.5 {
                let pause = self.below(1000) as f64 / 1000.0;
                pauses -= pause;
                seconds(pause).await;
            }
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let length = [0, 1, 100, 5000][self.below(4)];
        (0..length).map(|_| b"0\r\nab:"[self.below(6)]).collect()
    }

    /// A body in chunks of any size.
    fn chunked(&mut self, body: &[u8]) -> Vec<u8> {
        let (mut rest, mut out) = (body, Vec::new());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(1 + self.below(rest.len()));
            out.extend(format!("{:x}\r\n", piece.len()).bytes());
            out.extend_from_slice(piece);
            out.extend(b"\r\n");
            rest = after;
        }
        out.extend(b"0\r\n\r\n");
        out
    }

    /// A head that ends with what frames this body, and the framed body.
    fn framed(&mut self, start: &str, body: &[u8]) -> Vec<u8> {
        let mut message = start.as_bytes().to_vec();
        if self.below(2) == 0 {
            message.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
            message.extend_from_slice(body);
        } else {
            message.extend(b"Transfer-Encoding: chunked\r\n\r\n");
            message.extend(self.chunked(body));
        }
        message
    }
}

#[test]
fn any_schedule_of_pieces_and_pauses_comes_to_the_same() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in SEEDS.filter(|seed| only.is_none_or(|only: u64| only == *seed)) {
        let told = std::panic::catch_unwind(|| on_stage(|stage| async move { play(seed, stage).await }));
        if let Err(panic) = told {
            eprintln!("with SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}

async fn play(seed: u64, stage: Stage) {
    let mut random = Random(seed);
    for number in 0..3 {
        let mut client = stage.connect().await;
        let (asked, answered) = (random.body(), random.body());
        let request = random.framed(&format!("PUT /{number} HTTP/1.1\r\nHost: a\r\n"), &asked);
        random.send(&mut client, &request).await;
        let mut pod = stage.pod().await;
        let head = pod.head().await;
        assert!(head.starts_with(&format!("PUT /{number} HTTP/1.1\r\n")), "{head}");
        assert_eq!(body_of(&mut pod, &head).await, asked, "request {number}");
        let answer =
            random.framed(&format!("HTTP/1.1 200 OK\r\nX-Number: {number}\r\nConnection: close\r\n"), &answered);
        random.send(&mut pod, &answer).await;
        let head = client.head().await;
        let field = format!("x-number: {number}");
        assert!(head.starts_with("HTTP/1.1 200 ") && head.to_lowercase().contains(&field), "{head}");
        assert_eq!(body_of(&mut client, &head).await, answered, "answer {number}");
        client.expect_quiet().await;
    }
}

/// Reads the body that a head announces.
async fn body_of(side: &mut Side, head: &str) -> Vec<u8> {
    let head = head.to_lowercase();
    if let Some(length) = head.split("content-length: ").nth(1) {
        return side.exactly(length.split('\r').next().unwrap().parse().unwrap()).await;
    }
    if !head.contains("transfer-encoding: chunked") {
        return Vec::new();
    }
    let mut body = Vec::new();
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.extend(side.exactly(1).await);
        }
        let size = usize::from_str_radix(std::str::from_utf8(&line).unwrap().trim_end(), 16).unwrap();
        body.extend(side.exactly(size).await);
        assert_eq!(side.exactly(2).await, b"\r\n");
        if size == 0 {
            return body;
        }
    }
}
