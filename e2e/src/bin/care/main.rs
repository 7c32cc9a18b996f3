//! What the care of endpoints comes to under load, beside Debian's HAProxy with the same settings: the figures of docs/endpoints.md.
//!
//! Five pods over loopback and clients that send GETs at a fixed rate, whatever becomes of them (an open loop). Twice for each
//! proxy: first all pods are healthy; then one hangs, one answers 500 and one is slow, from the second second on. Last, five times
//! what the pods can take by their limits comes to other pods that are healthy. Times run from when a request was due.
//! Tidegate with `least-connections` has the settings of HAProxy with `leastconn`; HAProxy has nothing like `ewma`.
//! Everything is bounded in time and count. `scripts/load-care` builds and starts it.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod load;
mod pods;
mod proxies;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::ensure;
use clap::Parser;

use load::{Figures, Load};
use pods::{Mood, Pods};
use proxies::{Proxy, Start};

/// How long a healthy pod takes.
const SERVICE: Duration = Duration::from_millis(2);
/// How long a slow one takes.
const SLOW: Duration = Duration::from_millis(100);
/// How long the pods of the overload take.
const HEAVY: Duration = Duration::from_millis(50);
/// Requests in flight that these may have each.
const PLACES: u32 = 10;
/// When pods fall ill, from the beginning of a run.
const ILL_AFTER: Duration = Duration::from_secs(2);
const PODS: usize = 5;

/// Compares the care of endpoints.
#[derive(Debug, Parser)]
struct Cli {
    /// The program to measure, a release build.
    #[arg(long, default_value = "target/release/tidegate")]
    tidegate: PathBuf,
    /// HAProxy.
    #[arg(long, default_value = "haproxy")]
    haproxy: PathBuf,
    /// Requests a second.
    #[arg(long, default_value_t = 2000)]
    rate: u32,
    /// Length of each run, in seconds.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u32).range(4..=120))]
    seconds: u32,
    /// How often all is measured.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10))]
    rounds: u32,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    let folder = std::env::temp_dir().join(format!("tidegate-care-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = compare(&cli, &folder).await;
    std::fs::remove_dir_all(&folder)?;
    Ok(if outcome? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether Tidegate was within its goals.
async fn compare(cli: &Cli, folder: &std::path::Path) -> anyhow::Result<bool> {
    let capacity = f64::from(PLACES) * PODS as f64 / HEAVY.as_secs_f64();
    println!("{} requests/s for {} s; pods take {SERVICE:?}, the slow one {SLOW:?}", cli.rate, cli.seconds);
    println!("overload: {:.0} requests/s at pods that can take {capacity:.0}", capacity * 5.0);
    let mut is_good = true;
    for round in 0..cli.rounds {
        let tidegate = |balance| Start::Tidegate(&cli.tidegate, balance);
        let mut kinds = [tidegate("ewma"), Start::Haproxy(&cli.haproxy), tidegate("least-connections")];
        if round % 2 == 1 {
            kinds.reverse();
        }
        for start in kinds {
            let few = Pods::start(PODS, SERVICE, SLOW).await?;
            let many = Pods::start(PODS, HEAVY, HEAVY).await?;
            let proxy = Proxy::start(start, &few, &many, PLACES, folder).await?;
            let load = |host: &'static str, rate| Load { address: proxy.address, host, rate, seconds: cli.seconds };
            // The pods have connections then.
            Load { seconds: 2, ..load(proxies::CARE, cli.rate) }.run().await;
            let healthy = load(proxies::CARE, cli.rate).run().await;
            let ill = async {
                tokio::time::sleep(ILL_AFTER).await;
                for (pod, mood) in [(0, Mood::Hangs), (1, Mood::Fails), (2, Mood::Slow)] {
                    few.set(pod, mood);
                }
            };
            let (ill, ()) = tokio::join!(load(proxies::CARE, cli.rate).run(), ill);
            let over = load(proxies::FULL, (capacity * 5.0) as u32).run().await;
            let (healthy, ill, over) = (Figures::of(healthy), Figures::of(ill), Figures::of(over));
            let goodput = over.good as f64 / (capacity * f64::from(cli.seconds));
            println!("{:<17} healthy   {healthy}", proxy.name);
            println!("{:<17} three ill {ill}, p99 {:.2} of healthy", proxy.name, ill.p99 / healthy.p99);
            println!("{:<17} overload  {over}, goodput {:.1} % of capacity", proxy.name, goodput * 100.0);
            println!("{:<17} requests of each pod: {:?}", proxy.name, few.counts());
            ensure!(healthy.failed == 0, "healthy pods fail, so nothing can be told");
            match start {
                Start::Tidegate(_, "ewma") => is_good &= ill.p99 <= 2.0 * healthy.p99,
                Start::Tidegate(..) => {}
                Start::Haproxy(_) => continue,
            }
            is_good &= ill.failed == 0 && goodput >= 0.9;
        }
    }
    println!("{}", if is_good { "within the goals" } else { "NOT within the goals" });
    Ok(is_good)
}
