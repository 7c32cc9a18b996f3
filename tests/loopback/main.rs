//! Black box over loopback: Tidegate in process between raw clients and scripted pods. Test names carry the rule of
//! docs/ingress.md, or the hazard of docs/hazards.md, that they show.

#![allow(clippy::unwrap_used, clippy::large_futures, clippy::collapsible_match, reason = "they are tests")]

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod connections;
mod debug_connections;
mod edits;
mod evil_pod;
mod expectation;
mod explain;
mod external_names;
mod forwarding;
mod grpc;
mod h2;
mod h2_course;
mod h2_faults;
mod h2_hostile;
mod h2c_pods;
mod health;
mod leaving_clients;
mod limits;
mod live;
mod matrix;
mod metrics;
mod migrated;
mod migrated_canary;
mod migrated_cors;
mod migrated_paths;
mod migrated_redirects;
mod migrated_timeouts;
mod migrated_tls;
mod nginx_affinity;
mod nginx_answers;
mod nginx_auth;
mod nginx_balance;
mod nginx_canary;
mod nginx_client_certificates;
mod nginx_client_sessions;
mod nginx_config_maps;
mod nginx_configmap;
mod nginx_cors;
mod nginx_errors;
mod nginx_external_auth;
mod nginx_hosts;
mod nginx_https;
mod nginx_limits;
mod nginx_metrics;
mod nginx_mirror;
mod nginx_paths;
mod nginx_pod_tls;
mod nginx_pods;
mod nginx_policies;
mod nginx_profile;
mod nginx_redirects;
mod nginx_retries;
mod nginx_snippets;
mod nginx_sources;
mod own_answers;
mod paths;
mod pod_tls;
mod pod_tls_faults;
mod pod_tls_verified;
mod proxy_protocol;
mod redirect;
mod refused;
mod responses;
mod stands_for_https;
mod timeouts;
mod tls;
mod upgrades;
mod upstreams;
mod websocket;
mod websocket_h2;
