//! The whole story of an installation on two nodes, from nothing to nothing: `make story`.
//!
//! One cluster, one test: its steps build on each other. What it measures is printed (`--nocapture` shows it as it goes).

mod balancer;
mod build;
mod client;
mod figures;
mod load;
mod profiles;
mod prometheus;
mod sample;
mod secrets;
mod story;
mod upgrade;

use story::Story;

#[test]
fn an_installation_serves_is_upgraded_under_load_and_leaves_nothing_behind() {
    let mut story = Story::begin();
    story.install();
    story.serve();
    profiles::run(&mut story);
    secrets::by_name(&story);
    prometheus::run_queries(&story);
    upgrade::run(&mut story);
    story.uninstall();
}
