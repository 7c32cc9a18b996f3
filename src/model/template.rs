//! Texts with variables of nginx, read once: what a request puts in is known before any request comes, and no text of an author
//! is ever read again.

use std::fmt;
use std::sync::Arc;

/// A text with variables. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Template(Arc<[Part]>);

/// A part of a template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Part {
    /// As it is.
    Text(Box<str>),
    /// What the request has.
    Variable(Variable),
}

/// What a request has, under the name that nginx gives it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Variable {
    /// `$arg_x`: the first parameter of the query with this name, as the client sent it.
    Arg(Box<str>),
    /// `$args`, `$query_string`: the query, without the question mark.
    Args,
    /// `$1` to `$9`: what a group of the path's pattern matched.
    Capture(u8),
    /// `$cookie_x`: a cookie.
    Cookie(Box<str>),
    /// `$escaped_request_uri`: the path and the query, encoded as a value of a query.
    EscapedRequestUri,
    /// `$http_x`, `$content_type`, `$content_length`: a header field, its name in lower case.
    Header(Box<str>),
    /// `$host`: the host in lower case, without the port.
    Host,
    /// `$http_host`, `$best_http_host`: the host as the client sent it, with the port.
    HttpHost,
    /// `$ingress_name`: the name of the Ingress whose route it is.
    IngressName,
    /// `$is_args`: a question mark where there is a query.
    IsArgs,
    /// `$request_method`.
    Method,
    /// `$namespace`: the namespace of the Ingress whose route it is.
    Namespace,
    /// `$remote_addr`, `$the_real_ip`, `$realip_remote_addr`: the address of the client.
    RemoteAddress,
    /// `$request_uri`: the path and the query as the client sent them.
    RequestUri,
    /// `$scheme`, `$pass_access_scheme`: `http` or `https`, which the client used.
    Scheme,
    /// `$service_name`: the name of the Service that the request goes to.
    ServiceName,
    /// `$service_port`: the port of that Service as the Ingress names it, by number or name.
    ServicePort,
    /// `$uri`, `$document_uri`: the path, decoded.
    Uri,
}

/// Which variables a template may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Captures {
    /// Groups of a pattern too.
    Allowed,
    /// No groups, as there is no pattern.
    Refused,
}

/// Why a text is no template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A dollar sign stands before something that is no name.
    #[error("a dollar sign is followed by no name of a variable")]
    Syntax,
    /// A name that no variable has here.
    #[error("a variable is not known here")]
    Unknown,
}

impl Template {
    /// Reads a text.
    pub fn parse(text: &str, captures: Captures) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            let (plain, behind) = rest.split_at(at);
            push_text(&mut parts, plain);
            let (name, after) = Variable::name(&behind[1..]).ok_or(TemplateError::Syntax)?;
            let variable = Variable::named(name).ok_or(TemplateError::Unknown)?;
            if matches!(variable, Variable::Capture(_)) && captures == Captures::Refused {
                return Err(TemplateError::Unknown);
            }
            parts.push(Part::Variable(variable));
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Self(parts.into()))
    }

    /// A text without variables.
    pub fn plain(text: &str) -> Self {
        let mut parts = Vec::new();
        push_text(&mut parts, text);
        Self(parts.into())
    }

    /// Its parts. No text among them is empty, and no two texts stand side by side.
    pub fn parts(&self) -> &[Part] {
        &self.0
    }

    /// The text that it begins with.
    pub fn start(&self) -> &str {
        match self.parts() {
            [Part::Text(text), ..] => text,
            [Part::Variable(_), ..] | [] => "",
        }
    }

    /// All of it, where it has no variables.
    pub fn as_text(&self) -> Option<&str> {
        match self.parts() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            [Part::Variable(_), ..] | [Part::Text(_), _, ..] => None,
        }
    }

    /// The texts in it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.parts().iter().filter_map(|part| match part {
            Part::Text(text) => Some(&**text),
            Part::Variable(_) => None,
        })
    }

    /// Whether it has a variable.
    pub fn has(&self, variable: &Variable) -> bool {
        self.parts().iter().any(|part| matches!(part, Part::Variable(known) if known == variable))
    }

    /// The same without this character at the end of its last text.
    #[must_use]
    pub fn without_end(&self, end: char) -> Self {
        let mut parts = self.0.to_vec();
        match parts.pop() {
            Some(Part::Text(last)) => push_text(&mut parts, last.strip_suffix(end).unwrap_or(&last)),
            other => parts.extend(other),
        }
        Self(parts.into())
    }

    /// The part in front of the first question mark that the author wrote, and the one behind it.
    pub fn split_query(&self) -> (Self, Option<Self>) {
        let mark = |part: &Part| match part {
            Part::Text(text) => text.split_once('?').map(|(path, query)| (path.to_owned(), query.to_owned())),
            Part::Variable(_) => None,
        };
        let found = self.parts().iter().enumerate().find_map(|(at, part)| Some((at, mark(part)?)));
        let Some((at, (path, query))) = found else { return (self.clone(), None) };
        let mut front = self.0[..at].to_vec();
        push_text(&mut front, &path);
        let mut behind = Vec::new();
        push_text(&mut behind, &query);
        behind.extend_from_slice(&self.0[at + 1..]);
        (Self(front.into()), Some(Self(behind.into())))
    }
}

impl Variable {
    /// The names of those that have one name each.
    pub const NAMES: [&str; 19] = [
        "args",
        "best_http_host",
        "content_length",
        "content_type",
        "document_uri",
        "escaped_request_uri",
        "host",
        "http_host",
        "is_args",
        "pass_access_scheme",
        "query_string",
        "realip_remote_addr",
        "remote_addr",
        "request_method",
        "request_uri",
        "scheme",
        "the_real_ip",
        "uri",
        "http_user_agent",
    ];

    /// The name at the start of a text, in braces or not, and what is behind it. A number is a name by itself, of one digit.
    pub fn name(text: &str) -> Option<(&str, &str)> {
        if let Some(inner) = text.strip_prefix('{') {
            return inner.split_once('}').filter(|(name, _)| !name.is_empty() && name.bytes().all(is_of_name));
        }
        let end = match text.as_bytes() {
            [first, ..] if first.is_ascii_digit() => 1,
            bytes => bytes.iter().position(|&byte| !is_of_name(byte)).unwrap_or(bytes.len()),
        };
        (end > 0).then(|| text.split_at(end))
    }

    /// The variable of a name. Names of nginx have no upper case, and it takes them in any.
    pub fn named(name: &str) -> Option<Self> {
        let name = &*name.to_ascii_lowercase();
        let field = |name: &str| Box::from(name.replace('_', "-"));
        Some(match name {
            "args" | "query_string" => Variable::Args,
            "best_http_host" | "http_host" => Variable::HttpHost,
            "content_length" | "content_type" => Variable::Header(field(name)),
            "document_uri" | "uri" => Variable::Uri,
            "escaped_request_uri" => Variable::EscapedRequestUri,
            "host" => Variable::Host,
            "ingress_name" => Variable::IngressName,
            "is_args" => Variable::IsArgs,
            "namespace" => Variable::Namespace,
            "pass_access_scheme" | "scheme" => Variable::Scheme,
            "realip_remote_addr" | "remote_addr" | "the_real_ip" => Variable::RemoteAddress,
            "request_method" => Variable::Method,
            "request_uri" => Variable::RequestUri,
            "service_name" => Variable::ServiceName,
            "service_port" => Variable::ServicePort,
            _ => match (name.split_once('_'), name.as_bytes()) {
                (_, [digit @ b'1'..=b'9']) => Variable::Capture(digit - b'0'),
                (Some(("arg", of)), _) if !of.is_empty() => Variable::Arg(of.into()),
                (Some(("cookie", of)), _) if !of.is_empty() => Variable::Cookie(of.into()),
                (Some(("http", of)), _) if !of.is_empty() => Variable::Header(field(of)),
                (Some(_) | None, _) => return None,
            },
        })
    }
}

/// As an author may write it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().iter().try_for_each(|part| match part {
            Part::Text(text) => f.write_str(text),
            Part::Variable(variable) => write!(f, "${{{variable}}}"),
        })
    }
}

impl fmt::Debug for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_string(), f)
    }
}

/// Its name.
impl fmt::Display for Variable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Arg(name) => write!(f, "arg_{name}"),
            Self::Args => f.write_str("args"),
            Self::Capture(group) => write!(f, "{group}"),
            Self::Cookie(name) => write!(f, "cookie_{name}"),
            Self::EscapedRequestUri => f.write_str("escaped_request_uri"),
            Self::Header(name) => write!(f, "http_{}", name.replace('-', "_")),
            Self::Host => f.write_str("host"),
            Self::HttpHost => f.write_str("http_host"),
            Self::IngressName => f.write_str("ingress_name"),
            Self::IsArgs => f.write_str("is_args"),
            Self::Method => f.write_str("request_method"),
            Self::Namespace => f.write_str("namespace"),
            Self::RemoteAddress => f.write_str("remote_addr"),
            Self::RequestUri => f.write_str("request_uri"),
            Self::Scheme => f.write_str("scheme"),
            Self::ServiceName => f.write_str("service_name"),
            Self::ServicePort => f.write_str("service_port"),
            Self::Uri => f.write_str("uri"),
        }
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<Part>, TemplateError> {
        Template::parse(text, Captures::Allowed).map(|template| template.parts().to_vec())
    }

    fn text(text: &str) -> Part {
        Part::Text(text.into())
    }

    #[test]
    fn texts_are_read_into_parts() {
        let variable = Part::Variable;
        for (source, expected) in [
            ("", vec![]),
            ("/x", vec![text("/x")]),
            ("https://b$request_uri", vec![text("https://b"), variable(Variable::RequestUri)]),
            ("/$2$1x", vec![text("/"), variable(Variable::Capture(2)), variable(Variable::Capture(1)), text("x")]),
            ("/$12", vec![text("/"), variable(Variable::Capture(1)), text("2")]),
            ("${host}x", vec![variable(Variable::Host), text("x")]),
            ("$http_x_forwarded_for", vec![variable(Variable::Header("x-forwarded-for".into()))]),
            ("$Content_Type", vec![variable(Variable::Header("content-type".into()))]),
            ("$arg_a_b-c", vec![variable(Variable::Arg("a_b".into())), text("-c")]),
            ("$cookie_id", vec![variable(Variable::Cookie("id".into()))]),
        ] {
            assert_eq!(parse(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn a_template_is_shown_as_one_that_reads_the_same() {
        let source = "/$1$args${http_a_b}x$request_uri$arg_a$cookie_b$host$http_host$is_args$request_method$remote_addr\
                      $scheme$uri$escaped_request_uri$content_type$namespace$ingress_name$service_name$service_port";
        let template = Template::parse(source, Captures::Allowed).unwrap();
        assert_eq!(Template::parse(&template.to_string(), Captures::Allowed), Ok(template));
    }

    #[test]
    fn listed_names_are_those_of_variables() {
        assert!(Variable::NAMES.iter().all(|name| Variable::named(name).is_some()));
    }

    #[test]
    fn what_is_no_variable_is_refused() {
        for (source, error) in [
            ("$", TemplateError::Syntax),
            ("a$/b", TemplateError::Syntax),
            ("${host", TemplateError::Syntax),
            ("${}", TemplateError::Syntax),
            ("${a b}", TemplateError::Syntax),
            ("$0", TemplateError::Unknown),
            ("$nginx_version", TemplateError::Unknown),
            ("$http_", TemplateError::Unknown),
            ("$document_root", TemplateError::Unknown),
        ] {
            assert_eq!(parse(source), Err(error), "{source}");
        }
        assert_eq!(Template::parse("/$1", Captures::Refused), Err(TemplateError::Unknown));
    }

    #[test]
    fn a_query_begins_at_the_first_question_mark_of_the_author() {
        let split = |source| {
            let (path, query) = Template::parse(source, Captures::Allowed).unwrap().split_query();
            (path.parts().to_vec(), query.map(|query| query.parts().to_vec()))
        };
        assert_eq!(split("/x"), (vec![text("/x")], None));
        assert_eq!(split("/x?"), (vec![text("/x")], Some(vec![])));
        let one = Part::Variable(Variable::Capture(1));
        assert_eq!(split("/$1?a=$1?"), (vec![text("/"), one.clone()], Some(vec![text("a="), one, text("?")])));
    }
}
