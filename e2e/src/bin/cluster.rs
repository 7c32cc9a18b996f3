//! A cluster by hand: `cluster up [NODES]` starts one that stays, `cluster env [NAME]` prints what a shell needs to use
//! it, `cluster down [NAME]` ends it. NAME is needed when there are several.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use tidegate_e2e::{Cluster, Lifetime, Run};

const USAGE: &str = "usage: cluster up [NODES] | cluster env [NAME] | cluster down [NAME] | cluster list";

fn main() -> ExitCode {
    let line: Vec<_> = std::env::args().skip(1).collect();
    let line: Vec<_> = line.iter().map(String::as_str).collect();
    match obey(&line) {
        Ok(said) => {
            // Nobody may be reading.
            let _ = std::io::stdout().write_all(said.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "cluster: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn obey(line: &[&str]) -> Result<String> {
    match line {
        ["up"] => up(2),
        ["up", nodes] => up(nodes.parse().ok().filter(|nodes| (1..=9).contains(nodes)).context("1 to 9 nodes")?),
        ["env"] => env(&only()?),
        ["env", name] => env(name),
        ["down"] => down(&only()?),
        ["down", name] => down(name),
        ["list"] => Ok(Run::kept().iter().map(|name| format!("{name}\n")).collect()),
        _ => bail!(USAGE),
    }
}

fn up(nodes: u8) -> Result<String> {
    let cluster = match Cluster::try_up(nodes, Lifetime::Kept) {
        Ok(cluster) => cluster,
        Err(error) => bail!("{error:#}; what it made is removed by `cluster down`"),
    };
    let name = cluster.run().name();
    Ok(format!(
        "# {name} is up. To use it: eval \"$(cluster env {name})\"; to end it: cluster down {name}\n{}",
        env(&name)?
    ))
}

fn env(name: &str) -> Result<String> {
    let file = Run::directory_of(name).join("env");
    std::fs::read_to_string(&file).with_context(|| format!("{name} is not up: {}", file.display()))
}

fn down(name: &str) -> Result<String> {
    Run::end_kept(name)?;
    Ok(String::new())
}

fn only() -> Result<String> {
    let mut kept = Run::kept();
    match kept.len() {
        0 => bail!("no cluster is up"),
        1 => Ok(kept.remove(0)),
        _ => bail!("several clusters are up, name one: {}", kept.join(" ")),
    }
}
