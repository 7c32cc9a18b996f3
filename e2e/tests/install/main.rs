//! The whole story of an installation on two nodes, from nothing to nothing: `make story`.
//!
//! One cluster, one test: its steps build on each other. What it measures is printed (`--nocapture` shows it as it goes).

mod balancer;
mod build;
mod client;
mod deploys;
mod figures;
mod load;
mod profiles;
mod prometheus;
mod sample;
mod secrets;
mod story;
mod upgrade;

use balancer::{Balancer, Profile};
use load::Load;
use story::Story;

#[test]
fn an_installation_serves_is_upgraded_under_load_and_leaves_nothing_behind() {
    let mut story = Story::begin();
    story.install();
    story.serve();
    profiles::run(&mut story);
    secrets::by_name(&story);
    prometheus::run_queries(&story);
    let balancer = Balancer::start(&story, 13, Profile::Cluster);
    let load = Load::start(&story, balancer.http(), balancer.https());
    upgrade::run(&story, &load);
    deploys::run(&story, &load);
    let told = load.stop();
    story.say(&format!("under load: {told}"));
    story.uninstall();
}
