//! `tidegate migrate`: what moving from ingress-nginx comes to, on standard output and as files.

mod cluster;
mod files;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::objects;
use crate::args::{MigrateArgs, NginxSnippetsChoice, ReportFormat, WafMissingChoice};
use crate::migrate::{self, Examined, Found, Origin, Wishes};
use crate::translate::annotations::{MissingWaf, Snippets};

/// Writes the report and the files. Returns whether everything works as before.
pub fn migrate(args: &MigrateArgs, stdin: &mut impl Read, out: &mut impl Write) -> anyhow::Result<bool> {
    let found = if args.manifests.is_empty() { cluster::read(args)? } else { by_manifests(&args.manifests, stdin)? };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let examined = migrate::examine(found, &wishes(args), i64::try_from(now).unwrap_or(i64::MAX));
    // First, so that a report is not taken for success when the files could not be written.
    let written = match &args.write {
        Some(folder) => files::write(folder, &examined, args.force)?,
        None => Vec::new(),
    };
    tell(args, &examined, &written, out)?;
    Ok(examined.report.is_clean())
}

fn tell(args: &MigrateArgs, examined: &Examined, written: &[PathBuf], out: &mut impl Write) -> anyhow::Result<()> {
    let Examined { report, .. } = examined;
    if args.diff {
        let folder = args.write.as_deref().unwrap_or(Path::new("DIR"));
        write!(out, "{}", migrate::difference(examined, &folder.to_string_lossy()))?;
        return Ok(());
    }
    let is_json = args.output == ReportFormat::Json;
    match args.output {
        ReportFormat::Text => write!(out, "{}", migrate::terminal(report))?,
        ReportFormat::Markdown => write!(out, "{}", migrate::markdown(report))?,
        ReportFormat::Json => write!(out, "{}", report.to_json())?,
    }
    if !written.is_empty() && !is_json {
        writeln!(out)?;
        for path in written {
            writeln!(out, "Written: {}", path.display())?;
        }
    }
    Ok(())
}

fn wishes(args: &MigrateArgs) -> Wishes {
    Wishes {
        class: args.ingress_class.clone(),
        controller: args.controller_class.clone(),
        snippets: args.nginx_snippets.map(|choice| match choice {
            NginxSnippetsChoice::Refuse => Snippets::Refused,
            NginxSnippetsChoice::Translate => Snippets::Translated,
        }),
        waf: match args.waf_missing {
            WafMissingChoice::Serve => MissingWaf::Served,
            WafMissingChoice::Fail => MissingWaf::Closed,
        },
    }
}

fn by_manifests(paths: &[PathBuf], stdin: &mut impl Read) -> anyhow::Result<Found> {
    let (loaded, written) = objects::read(paths, None, stdin, &migrate::is_wanted)?;
    Ok(Found { loaded, written, listed: BTreeSet::new(), unread: Vec::new(), origin: Origin::Manifests })
}
