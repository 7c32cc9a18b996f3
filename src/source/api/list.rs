//! Single lists, for a program that reads a cluster once. Nothing is watched, and nothing is asked for but lists.

use std::sync::Arc;

use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;

use super::client::Access;
use super::failure::{Failure, Reason};

/// Objects on a page.
const PAGE: u32 = 500;
/// Most bytes of one list: 100,000 objects of 10 KiB.
const MAX_BYTES: usize = 1 << 30;

/// Why there is no list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// Our rights do not allow it.
    Forbidden,
    /// The server does not have this kind, or not in this version.
    Absent,
    /// Something else, in words.
    Failed(String),
}

/// A list: its path, and what it is narrowed down to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Path of the API server, such as `/api/v1/services`.
    pub path: String,
    /// Label selector.
    pub labels: Option<String>,
    /// Field selector.
    pub fields: Option<String>,
}

/// The pages of a list, each as JSON.
pub async fn list(access: &Arc<Access>, listing: &Listing) -> Result<Vec<Vec<u8>>, Unlisted> {
    match pages(access, listing, Some(PAGE)).await {
        // Pages expire on the server after five minutes.
        Err(failure) if failure.reason == Reason::Gone => pages(access, listing, None).await,
        other => other,
    }
    .map_err(|failure| match failure.reason {
        Reason::Forbidden => Unlisted::Forbidden,
        _ if failure.is_absent() => Unlisted::Absent,
        _ => Unlisted::Failed(failure.to_string()),
    })
}

async fn pages(access: &Arc<Access>, listing: &Listing, limit: Option<u32>) -> Result<Vec<Vec<u8>>, Failure> {
    #[derive(Default, Deserialize)]
    struct Page {
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize)]
    struct Metadata {
        r#continue: Option<String>,
    }
    let (mut pages, mut next, mut bytes) = (Vec::new(), None, 0);
    loop {
        let params = ListParams {
            field_selector: listing.fields.clone(),
            label_selector: listing.labels.clone(),
            limit,
            continue_token: next.take(),
            ..ListParams::default()
        };
        let request = Request::new(&listing.path).list(&params);
        let request = request.map_err(|error| Failure::new(Reason::Refused, error.to_string()))?;
        let page = access.get(request).await?;
        bytes += page.len();
        if bytes > MAX_BYTES {
            return Err(Failure::new(Reason::Garbage, format!("the list is longer than {} MiB", MAX_BYTES >> 20)));
        }
        let read: Page = serde_json::from_slice(&page)
            .map_err(|_| Failure::new(Reason::Garbage, "the answer is no list of Kubernetes objects"))?;
        pages.push(page.to_vec());
        next = read.metadata.and_then(|metadata| metadata.r#continue).filter(|token| !token.is_empty());
        if next.is_none() {
            return Ok(pages);
        }
    }
}
