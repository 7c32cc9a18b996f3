//! How long a change takes from the API to traffic, and what it costs: the figures of docs/propagation.md.
//!
//! Loads a namespace with Ingresses, Services, EndpointSlices and Secrets into the API server of `KUBECONFIG`, starts a
//! controller (or the toy beside it, which is the floor of the method), and makes changes at a fixed rate. A change's
//! time runs from the return of the write to the first response that shows it. Every wait has a deadline.

#![expect(clippy::print_stdout, reason = "its figures are what it is for")]

mod change;
mod controller;
mod load;
mod pods;
mod probe;
mod statistics;
mod toy;

use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use change::{Bench, Kind};
use controller::Running;
use load::Shape;

/// Measures propagation.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the objects: applications, each an Ingress, a Service and a slice.
    Load {
        #[command(flatten)]
        shape: Shape,
    },
    /// Start a controller, wait for its last route, make changes, and print one line for each kind.
    Measure {
        #[command(flatten)]
        shape: Shape,
        /// Changes of each kind, for times and again for CPU.
        #[arg(long, default_value_t = 200)]
        changes: usize,
        /// Changes a second.
        #[arg(long, default_value_t = 20)]
        rate: u32,
        /// What to change.
        #[arg(long, value_enum, value_delimiter = ',', default_values_t = Kind::ALL)]
        kinds: Vec<Kind>,
        /// What the lines are headed with.
        #[arg(long, default_value = "tidegate")]
        label: String,
        /// The controller: a command that logs a JSON line with the addresses `http` and `https`. Default: the toy.
        #[arg(last = true)]
        controller: Vec<String>,
    },
    /// A plain informer and a naive proxy: the least a change can take in this setting.
    Toy,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Load { shape } => {
            let client = kube::Client::try_default().await.context("no API server")?;
            load::load(&client, &shape).await
        }
        Command::Measure { shape, changes, rate, kinds, label, controller } => {
            let pods = pods::Pods::start()?;
            let client = kube::Client::try_default().await.context("no API server")?;
            load::point_to(&client, pods.port).await?;
            let mut command = controller;
            if command.is_empty() {
                command = vec![std::env::current_exe()?.display().to_string(), "toy".to_owned()];
            }
            let running = Running::start(&command)?;
            let cold = running.wait_for(&load::host(shape.count - 1), Duration::from_secs(120)).await?;
            println!(
                "{label}: {} Ingresses, last route served after {:.2} s, RSS {:.0} MiB (PSS {:.0} MiB), CPU until then {:.2} s",
                shape.count,
                cold.as_secs_f64(),
                running.memory("VmRSS")?,
                running.pss()?,
                running.cpu()?.as_secs_f64(),
            );
            let mut bench = Bench::new(client, shape, running, pods.port, rate);
            for kind in kinds {
                let times = bench.times(kind, changes).await?;
                let cpu = bench.cpu(kind, changes).await?;
                println!("{label}: {:<11} {times}, CPU {cpu:.2} ms per change", kind.name());
            }
            println!("{label}: RSS at the end {:.0} MiB", bench.controller().memory("VmRSS")?);
            Ok(())
        }
        Command::Toy => toy::run().await,
    }
}
