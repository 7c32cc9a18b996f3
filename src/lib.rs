//! Tidegate: a Kubernetes Ingress controller that is its own proxy. See `docs/architecture.md` for the picture.

pub mod admin;
pub mod app;
pub mod args;
pub mod control_http;
pub mod controller;
pub mod explain;
pub mod filter;
pub mod http1;
pub mod http2;
pub mod lifecycle;
pub mod migrate;
pub mod model;
pub mod observe;
pub mod password;
pub mod proxy;
pub mod proxy_protocol;
pub mod report;
pub mod resolver;
pub mod routing;
pub mod runtime_api;
pub mod source;
pub mod stats;
pub mod translate;
pub mod upstream;
