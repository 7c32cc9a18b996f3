//! `tidegate explain`: what would happen to a request, according to a directory of manifests or a running process.

use std::io::Write;

use anyhow::Context as _;

use serde_json::Value;

use super::get::{self, Answer};
use super::{objects, settings};
use crate::admin::{Asked, Explained, Explaining, Unexplained};
use crate::args::ExplainArgs;
use crate::controller::Inquirer;
use crate::explain::{Explanation, Query, View};
use crate::model::{Problem, RoutePolicy};
use crate::routing::RouteTable;
use crate::translate::{self, Input};

/// Writes the explanation. Returns whether the request would be served, by a pod or by a redirect.
pub fn explain(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let question = Query::parse(&args.url, &args.header)?;
    if args.manifests.is_empty() {
        return by_process(args, out);
    }
    let certificates = args.certificates.certificate_dir.as_deref();
    let (loaded, _) = objects::read(&args.manifests, certificates, &mut std::io::stdin(), &|_, _| false)?;
    let mut input = Input::new(settings::translation_of(&args.routing, &args.tls, RoutePolicy::default()));
    input.apply_all(loaded.changes);
    let explanation = by_objects(&question, &input, &loaded.problems);
    write!(out, "{explanation}")?;
    Ok(explanation.is_served())
}

/// Explains with a table of its own.
fn by_objects(question: &Query, input: &Input, source_problems: &[Problem]) -> Explanation {
    let (snapshot, _) = translate::snapshot(input);
    let table = RouteTable::compile(&snapshot, &mut |_| ());
    question.explain(&View { input, table: &table, living: &|()| None, source_problems, https_port: 443 })
}

/// Asks the controller, for the admin server.
pub(super) fn by_controller(inquirer: Inquirer, asked: Asked) -> Explaining {
    Box::pin(async move {
        let Asked { url, headers } = asked;
        let question = Query::parse(&url, &headers).map_err(|error| Unexplained::Wrong(error.to_string()))?;
        let explanation = inquirer.explain(question).await.map_err(|error| Unexplained::Late(error.to_string()))?;
        Ok(Explained { text: explanation.to_string(), json: explanation.to_json() })
    })
}

/// Asks a running process.
fn by_process(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<bool> {
    let mut target = format!("/debug/explain?format=json&url={}", encoded(&args.url));
    for header in &args.header {
        target.push_str("&header=");
        target.push_str(&encoded(header));
    }
    let body = answered(&args.admin, &target).with_context(|| format!("cannot ask at {} (--admin)", args.admin))?;
    let answer: Value = serde_json::from_str(&body).context("the answer is not that of a Tidegate")?;
    let (Some(text), Some(is_served)) = (answer["text"].as_str(), answer["served"].as_bool()) else {
        anyhow::bail!("the answer is not that of a Tidegate");
    };
    out.write_all(text.as_bytes())?;
    Ok(is_served)
}

fn answered(address: &str, target: &str) -> anyhow::Result<String> {
    match get::ask(address, address, target)? {
        Answer { status: 200, body } => Ok(body),
        Answer { status: 404, .. } => anyhow::bail!("there is no /debug/explain: not a Tidegate, or an older one"),
        Answer { status, body } => anyhow::bail!("it answers {status}: {}", body.trim()),
    }
}

/// As a value in a query.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
