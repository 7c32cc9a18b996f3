//! Asks with curl, and compares what comes with what is expected.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::cases::Request;

/// What ingress-nginx says over https unless it is told otherwise.
const HSTS: &str = "max-age=31536000; includeSubDomains";

/// Longest wait for an answer, in seconds.
const PATIENCE: &str = "30";

/// Who asks whom.
pub(crate) struct Client<'a> {
    /// Where Tidegate has the ports 80 and 443.
    pub(crate) server: Ipv4Addr,
    /// The client's address, which nobody trusts.
    pub(crate) client: Ipv4Addr,
    /// That of a load balancer which is trusted.
    pub(crate) balancer: Ipv4Addr,
    /// For files that are gone afterwards.
    pub(crate) folder: &'a Path,
}

/// What is expected, from the line of the request.
struct Line<'a> {
    method: &'a str,
    scheme: &'a str,
    host: &'a str,
    url: &'a str,
    status: &'a str,
    /// The Location, or the Service and the path that its pod got.
    rest: Vec<&'a str>,
}

/// What came.
struct Answer {
    status: String,
    fields: Vec<(String, String)>,
    /// What the pod says it got.
    seen: Value,
}

impl Client<'_> {
    /// What is not as expected.
    pub(crate) fn ask(&self, request: &Request, number: usize) -> Vec<String> {
        let line = Line::read(&request.ask);
        let files = |name: &str| self.folder.join(format!("{number}.{name}"));
        let mut curl = self.curl(request, &line, &files);
        if request.counts.is_empty() {
            let ended = curl.args(["--globoff", "-o"]).arg(files("body")).output().expect("curl runs");
            let head = std::fs::read_to_string(files("head")).unwrap_or_default();
            let body = std::fs::read(files("body")).unwrap_or_default();
            return match Answer::read(&head, &body) {
                Some(answer) => self.compare(request, &line, &answer),
                None => vec![format!("no answer: {}", String::from_utf8_lossy(&ended.stderr))],
            };
        }
        if request.cookies {
            curl.arg("-c").arg(files("jar")).arg("-b").arg(files("jar"));
        }
        let ended = curl.arg("-o").arg(files("body.#1")).args(["-w", "%{http_code}\n"]).output().expect("curl runs");
        counted(request, &String::from_utf8_lossy(&ended.stdout), &files)
    }

    fn curl(&self, request: &Request, line: &Line<'_>, files: &impl Fn(&str) -> PathBuf) -> Command {
        let mut curl = Command::new("curl");
        curl.args(["-q", "-sS", "-k", "--path-as-is", "--noproxy", "*", "-m", PATIENCE, "-D"]).arg(files("head"));
        let source = if request.from.is_some() { self.balancer } else { self.client };
        curl.args(["--interface", &source.to_string(), "--connect-to", &format!("::{}:", self.server)]);
        match line.method {
            "HEAD" => curl.arg("-I"),
            "GRPC" => {
                std::fs::write(files("sent"), [0; 5]).expect("the folder is writable");
                curl.args(["-X", "POST", "-H", "content-type: application/grpc", "-H", "te: trailers"]);
                curl.arg("--data-binary").arg(format!("@{}", files("sent").display()))
            }
            method => curl.args(["-X", method]),
        };
        if let Some(from) = request.from {
            curl.args(["-H", &format!("X-Forwarded-For: {from}")]);
        }
        for (name, value) in &request.send {
            curl.args(["-H", &format!("{name}: {value}")]);
        }
        // WebSockets are of HTTP/1. In HTTP/2 curl 7.88 sees no answer that ends before it has sent its body.
        if request.send.contains_key("Upgrade") || line.status == "413" {
            curl.arg("--http1.1");
        }
        if let Some(length) = &request.body {
            let file = std::fs::File::create(files("sent")).expect("the folder is writable");
            file.set_len(bytes(length)).expect("a sparse file");
            curl.args(["-H", "Content-Type: application/octet-stream"]);
            curl.arg("-T").arg(files("sent"));
        }
        curl.arg(line.url);
        curl
    }

    fn compare(&self, request: &Request, line: &Line<'_>, answer: &Answer) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut expect = |what: &str, expected: Option<&str>, is: Option<&str>| {
            let fits = match (expected, is) {
                (Some(expected), Some(is)) => matches(expected, is),
                (expected, is) => expected == is,
            };
            if !fits {
                wrong.push(format!("{what} is {is:?}, not {expected:?}"));
            }
        };
        expect("the status", Some(line.status), Some(&answer.status));
        match line.rest[..] {
            [] => {}
            [location] => expect("Location", Some(location), answer.field("location").as_deref()),
            [service, path] => {
                expect("the Service", Some(service), answer.seen["service"].as_str());
                expect("the pod's path", Some(path), answer.seen["path"].as_str());
                let mut seen = self.fields_for_pods(request, line);
                seen.extend(request.saw.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
                for (name, value) in seen {
                    let is = answer.seen["headers"][&name].as_array();
                    let is = is.map(|values| values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | "));
                    expect(&format!("the pod's {name}"), value.as_deref(), is.as_deref());
                }
            }
            _ => panic!("{}", request.ask),
        }
        let hsts = (line.scheme == "https").then(|| HSTS.to_owned());
        let mut fields = BTreeMap::from([("strict-transport-security".to_owned(), hsts)]);
        fields.extend(request.answer.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.clone())));
        for (name, value) in fields {
            expect(&name, value.as_deref(), answer.field(&name).as_deref());
        }
        wrong
    }

    /// What pods are told of every request.
    fn fields_for_pods(&self, request: &Request, line: &Line<'_>) -> BTreeMap<String, Option<String>> {
        let client = request.from.map_or_else(|| self.client.to_string(), |from| from.to_string());
        let is_trusted = request.from.is_some();
        let told = request.send.get("X-Forwarded-Proto").filter(|_| is_trusted);
        let scheme = told.map_or(line.scheme, String::as_str);
        let forwarded = if is_trusted { "*".to_owned() } else { client.clone() };
        let fields = [
            ("host", line.host.to_owned()),
            ("x-real-ip", client),
            ("x-forwarded-for", forwarded),
            ("x-forwarded-host", line.host.to_owned()),
            ("x-forwarded-proto", scheme.to_owned()),
            ("x-scheme", scheme.to_owned()),
            ("x-request-id", "*".to_owned()),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), Some(value))).collect()
    }
}

impl<'a> Line<'a> {
    fn read(ask: &'a str) -> Self {
        let read = || {
            let (asked, outcome) = ask.split_once(" -> ")?;
            let (method, url) = asked.split_once(' ')?;
            let (scheme, rest) = url.split_once("://")?;
            let host = rest.split('/').next()?;
            let mut words = outcome.split(' ');
            Some(Self { method, scheme, host, url, status: words.next()?, rest: words.collect() })
        };
        read().unwrap_or_else(|| panic!("no METHOD URL -> OUTCOME: {ask}"))
    }
}

impl Answer {
    fn read(head: &str, body: &[u8]) -> Option<Self> {
        let mut status = None;
        let mut fields = Vec::new();
        for line in head.lines() {
            if line.starts_with("HTTP/") {
                status = line.split(' ').nth(1).map(str::to_owned);
                fields.clear();
            } else if let Some((name, value)) = line.split_once(':') {
                fields.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        Some(Self { status: status?, fields, seen: serde_json::from_slice(body).unwrap_or_default() })
    }

    /// All values of a field; nothing if there is none.
    fn field(&self, name: &str) -> Option<String> {
        let values: Vec<_> = self.fields.iter().filter(|(known, _)| known == name).map(|(_, value)| &**value).collect();
        (!values.is_empty()).then(|| values.join(" | "))
    }
}

/// What is not as expected of many requests.
fn counted(request: &Request, statuses: &str, files: &impl Fn(&str) -> PathBuf) -> Vec<String> {
    let mut wrong = Vec::new();
    for (status, range) in &request.counts {
        let (least, most) = range.split_once('-').expect("a range");
        let count = statuses.lines().filter(|line| line == status).count();
        let range = least.parse().expect("a number")..=most.parse().expect("a number");
        if !range.contains(&count) {
            wrong.push(format!("{count} answers {status}, not {range:?}"));
        }
    }
    let bodies = (1..=statuses.lines().count()).filter_map(|n| std::fs::read(files(&format!("body.{n}"))).ok());
    let pods: BTreeSet<String> = bodies
        .filter_map(|body| serde_json::from_slice::<Value>(&body).ok()?["pod"].as_str().map(str::to_owned))
        .collect();
    if request.pods.is_some_and(|expected| expected != pods.len()) {
        wrong.push(format!("answers of {pods:?}, not of {:?} pods", request.pods));
    }
    wrong
}

/// Whether a text is as a pattern says, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
        }),
    }
}

fn bytes(length: &str) -> u64 {
    let (digits, unit) = length.split_at(length.len() - 1);
    let digits: u64 = digits.parse().expect("a number");
    match unit {
        "k" => digits << 10,
        "m" => digits << 20,
        _ => panic!("no length: {length}"),
    }
}
