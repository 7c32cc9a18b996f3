//! Tests of translation as a whole: objects in, units out.

mod annotations;
mod auth;
mod backends;
mod builders;
mod canaries;
mod certificate_files;
mod classes;
mod config_maps;
mod dialect;
mod dialects;
mod endpoints;
mod external_names;
mod hosts;
mod incremental;
mod nginx_config;
mod paths;
mod pods;
mod properties;
mod replicas;
mod services;
mod streams;
mod tls;

pub(crate) use dialect::DIALECT;
