//! Services that are asked beside pods: from the URL of an annotation to an upstream.

use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    AnswerLife, AuthCookiesOn, AuthMemoryRule, AuthService, EndpointPort, ErrorPages, ExternalAuth, HostPattern,
    Mirror, MirrorBody, ObjectName, PodTls, PortRef, ProblemCode, Protocol, SignIn, Template, TlsHttp, UpstreamKey,
    UpstreamSpec,
};

use super::annotations::{MirrorOptions, Options, PodProtocol, ServiceUrl, UrlHost};
use super::basic_auth;
use super::external_name::{self, Outside};
use super::input::Input;
use super::named_config_maps;
use super::service::{BackendFault, not_asked, resolve_service};

/// Where a question goes, and the `Host` that it has there.
pub(crate) struct Asked {
    pub(crate) upstream: Arc<UpstreamSpec>,
    pub(crate) host: Box<str>,
}

/// What requests of an Ingress in this namespace for a host of its rules are asked; `None`: nothing.
pub(crate) fn auth(input: &Input, options: &Options, namespace: &Arc<str>, host: &HostPattern) -> Option<ExternalAuth> {
    let excused = basic_auth::excused(options);
    let all_options = options;
    let options = &options.rare()?.external_auth;
    let Ok(url) = options.asked()? else { return Some(ExternalAuth::Unusable) };
    let Ok(Asked { upstream, host }) = asked(input, url, namespace, host) else { return Some(ExternalAuth::Unusable) };
    let Ok(sent) = named_config_maps::sent(input, all_options, namespace) else { return Some(ExternalAuth::Unusable) };
    let memory = options.key.clone().map(|key| {
        let usual = || [200, 202, 401].map(|status| AnswerLife { status: Some(status), time: USUAL_LIFE }).into();
        AuthMemoryRule { key, lives: options.lives.clone().unwrap_or_else(usual) }
    });
    let all = options.always_cookies.unwrap_or(false);
    Some(ExternalAuth::Service(Box::new(AuthService {
        upstream,
        host,
        target: url.target.clone(),
        method: options.method.clone(),
        sign_in: options.sign_in.clone().map(|url| sign_in(url, options.parameter.as_deref().unwrap_or("rd"))),
        copied: options.copied.clone().unwrap_or_default(),
        redirect: options.redirect.clone(),
        sent,
        memory,
        cookies: if all { AuthCookiesOn::Everything } else { AuthCookiesOn::Success },
        excused,
        // Where both are asked for, filters of the route have the password too.
        passwords: None,
    })))
}

/// Who gets copies of requests of an Ingress in this namespace for a host of its rules; `None`: nobody.
pub(crate) fn mirror(input: &Input, options: &Options, namespace: &Arc<str>, host: &HostPattern) -> Option<Mirror> {
    let MirrorOptions { url, body, host: told } = &options.rare()?.mirror;
    let url = url.as_deref()?;
    let Asked { upstream, host } = asked(input, url, namespace, host).ok()?;
    let host = told.clone().unwrap_or_else(|| Template::plain(&host));
    let body = body.unwrap_or(MirrorBody::Whole);
    Some(Mirror { upstream, host, target: url.target.clone(), body })
}

/// Who answers errors of an Ingress in this namespace; `None`: nobody but its pods.
pub(crate) fn error_pages(input: &Input, options: &Options, namespace: &Arc<str>) -> Option<ErrorPages> {
    let options = &options.rare()?.errors;
    let statuses = options.statuses();
    let own = options.service.as_ref().and_then(|service| first_port(input, namespace, service).ok());
    if statuses.is_empty() && own.is_none() {
        return None;
    }
    let of_settings = || {
        let (service, port) = input.settings().default_backend.clone()?;
        resolve_service(input, service, port, &Options::UNSET).ok()
    };
    let stands_in = own.is_some();
    let (statuses, intercepts) = (statuses.into(), options.intercepts());
    Some(ErrorPages { statuses, intercepts, upstream: own.or_else(of_settings).map(Arc::new), stands_in })
}

/// The first port of a Service.
pub(crate) fn first_port(
    input: &Input,
    namespace: &Arc<str>,
    service: &Arc<str>,
) -> Result<UpstreamSpec, BackendFault> {
    let name = ObjectName::new(namespace.clone(), service.clone());
    let first = input.objects().service(&name).and_then(|service| service.ports.first());
    let port = PortRef::Number(first.map_or(80, |port| port.port));
    resolve_service(input, name, port, &Options::UNSET)
}

/// How long answers are remembered where nothing is said of it.
const USUAL_LIFE: Duration = Duration::from_secs(300);

/// A URL that has the parameter already says itself where to come back to.
fn sign_in(url: Template, parameter: &str) -> SignIn {
    let query = url.split_query().1.map(|query| query.to_string()).unwrap_or_default();
    let mut names = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(_, value)| !value.is_empty());
    let has_it = names.any(|(name, _)| name == parameter);
    SignIn { url, parameter: (!has_it).then(|| parameter.into()) }
}

/// Resolves the URL of a service.
pub(crate) fn asked(
    input: &Input,
    url: &ServiceUrl,
    namespace: &Arc<str>,
    host: &HostPattern,
) -> Result<Asked, BackendFault> {
    let host: Arc<str> = match (&url.host, host) {
        (UrlHost::Named(host), _) => host.clone(),
        (UrlHost::OfRequest, HostPattern::Exact(host)) => host.as_str().into(),
        (UrlHost::OfRequest, HostPattern::Wildcard { .. } | HostPattern::Any) => {
            return Err(not_asked(
                ProblemCode::InvalidAnnotation,
                "$host stands for no exact host of a rule".into(),
                "Give the rule an exact host, or write the host into the URL",
            ));
        }
    };
    let name = url.service_at(&host, namespace);
    let port = PortRef::Number(url.port);
    let options = Options::speaking(if url.is_https { PodProtocol::Https } else { PodProtocol::Http });
    let upstream = if name.namespace.is_empty() {
        let outside = external_name::outside_of_url(&name, input.settings());
        let outside =
            outside.map_err(|why| not_asked(ProblemCode::ExternalNameRefused, format!("{host} {why}"), FOR_NAMES))?;
        if let Outside::Address(ip) = &outside
            && let Some(reason) = super::address::external_refusal((*ip, url.port).into(), input.settings())
        {
            let message = format!("{ip} is never connected to ({reason})");
            return Err(not_asked(ProblemCode::ExternalNameRefused, message, FOR_NAMES));
        }
        let protocol = match (url.is_https, &outside) {
            (false, _) => Protocol::Http1,
            (true, Outside::Address(_)) => Protocol::Tls(Arc::new(PodTls::unverified(TlsHttp::Negotiated))),
            (true, Outside::Name(name)) => {
                Protocol::Tls(Arc::new(PodTls::unverified(TlsHttp::Negotiated).named(name.host().clone())))
            }
        };
        UpstreamSpec {
            key: UpstreamKey { service: name, endpoint_port: EndpointPort::Fixed(url.port), protocol },
            port,
            for_https: None,
        }
    } else {
        resolve_service(input, name, port, &options)?
    };
    let is_address_v6 = host.contains(':');
    let host = if is_address_v6 { format!("[{host}]").into() } else { Box::from(&*host) };
    Ok(Asked { upstream: Arc::new(upstream), host })
}

const FOR_NAMES: &str = "Name a Service of the namespace, or a host whose addresses are those of a network";
