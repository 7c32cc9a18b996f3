//! Generated documents are fresh. `UPDATE_GOLDEN=1 cargo test --test docs` writes them anew.

use std::path::Path;

#[test]
fn annotations_are_documented_as_they_are_read() {
    check("docs/annotations.md", &tidegate::translate::annotations::document());
}

#[test]
fn settings_of_ingress_nginx_are_documented_as_migrate_knows_them() {
    check("docs/ingress-nginx-settings.md", &tidegate::migrate::document());
}

#[test]
fn keys_of_the_config_map_are_documented_as_they_are_read() {
    check("docs/nginx-configmap.md", &tidegate::translate::annotations::document_nginx_keys());
}

#[test]
fn keys_of_the_config_map_of_haproxytech_are_documented_as_they_are_read() {
    check("docs/haproxy-configmap.md", &tidegate::translate::annotations::document_haproxy_keys());
}

#[test]
fn the_run_time_api_is_described_as_it_describes_itself() {
    check("docs/runtime-api.openapi.json", tidegate::runtime_api::OPENAPI);
}

fn check(file: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, fresh).expect("docs are writable");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == fresh, "{file} is stale: UPDATE_GOLDEN=1 cargo test --test docs");
}
