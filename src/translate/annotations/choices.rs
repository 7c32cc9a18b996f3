//! What is done with annotations of ingress-nginx that nothing here can do as it does.

/// What is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Snippets of nginx's configuration. Default refused; `--nginx-snippets`.
    pub snippets: Snippets,
    /// Requests that ModSecurity was to inspect. Default served; `--waf-missing`.
    pub waf: MissingWaf,
}

/// What is done with snippets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Snippets {
    /// They have no effect, and those that restrict access close their routes.
    #[default]
    Refused,
    /// Those that filters can do are done by filters. Others are refused.
    Translated,
}

/// What is done with requests that ModSecurity was to inspect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingWaf {
    /// They are served.
    #[default]
    Served,
    /// Nobody is served (503).
    Closed,
}
