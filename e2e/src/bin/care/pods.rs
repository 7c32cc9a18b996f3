//! Pods that are well, hang, fail or are slow, as they are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How a pod answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// With 200.
    Well,
    /// Not at all.
    Hangs,
    /// With 500, at once.
    Fails,
    /// With 200, late.
    Slow,
}

impl Mood {
    const ALL: [Self; 4] = [Self::Well, Self::Hangs, Self::Fails, Self::Slow];
}

#[derive(Debug)]
struct Pod {
    address: SocketAddr,
    mood: AtomicU8,
    /// Requests that came, without checks.
    count: AtomicU64,
    service: Duration,
    slow: Duration,
}

/// Some pods, which live as long as the process.
#[derive(Debug)]
pub(crate) struct Pods(Vec<Arc<Pod>>);

impl Pods {
    /// So many, that take so long.
    pub(crate) async fn start(count: usize, service: Duration, slow: Duration) -> std::io::Result<Self> {
        let mut pods = Vec::new();
        for _ in 0..count {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let (mood, count) = (AtomicU8::new(Mood::Well as u8), AtomicU64::new(0));
            let pod = Arc::new(Pod { address: listener.local_addr()?, mood, count, service, slow });
            pods.push(Arc::clone(&pod));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&pod)));
                }
            });
        }
        Ok(Self(pods))
    }

    /// Where they are.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.0.iter().map(|pod| pod.address)
    }

    /// From now on a pod is so.
    pub(crate) fn set(&self, pod: usize, mood: Mood) {
        self.0[pod].mood.store(mood as u8, Relaxed);
    }

    /// How many requests each has had.
    pub(crate) fn counts(&self) -> Vec<u64> {
        self.0.iter().map(|pod| pod.count.load(Relaxed)).collect()
    }
}

async fn serve(mut stream: TcpStream, pod: Arc<Pod>) {
    // It matters to nobody whether this can be set.
    let _ = stream.set_nodelay(true);
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        if !head.starts_with(b"GET /check") {
            pod.count.fetch_add(1, Relaxed);
        }
        head.clear();
        let answer = match Mood::ALL[usize::from(pod.mood.load(Relaxed))] {
            Mood::Hangs => continue,
            Mood::Fails => &b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\nbad\n"[..],
            mood @ (Mood::Well | Mood::Slow) => {
                tokio::time::sleep(if mood == Mood::Slow { pod.slow } else { pod.service }).await;
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood\n"
            }
        };
        if stream.write_all(answer).await.is_err() {
            return;
        }
    }
}
