//! Lists that are taken once.

use serde_json::Value;

use super::super::{Listing, Unlisted, list};
use super::fake::{Answer, access, ingress, list as page};

async fn listed(script: impl Fn(usize, &str) -> Answer + Send + Sync + 'static) -> Result<Vec<String>, Unlisted> {
    let (access, _folder) = access(move |asked| Some(script(asked.nth, &asked.query))).await;
    let listing = Listing { path: "/apis/networking.k8s.io/v1/ingresses".into(), ..Listing::default() };
    let pages = list(&access, &listing).await?;
    let read = |page: &Vec<u8>| serde_json::from_slice::<Value>(page).unwrap();
    let names = |page: Value| {
        page["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].to_string()).collect::<Vec<_>>()
    };
    Ok(pages.iter().map(read).flat_map(names).collect())
}

#[tokio::test]
async fn pages_are_taken_until_there_is_none_and_anew_when_they_expire() {
    let pages = |nth: usize, query: &str| {
        assert_eq!(query.contains("continue=next"), nth == 1, "{query}");
        assert!(query.contains("limit=500"), "{query}");
        Answer::Body(if nth == 0 {
            page(&[ingress("a", "1")], "1", "next")
        } else {
            page(&[ingress("b", "2")], "1", "")
        })
    };
    assert_eq!(listed(pages).await, Ok(vec!["\"a\"".into(), "\"b\"".into()]));
    let expiring = |nth: usize, query: &str| match nth {
        0 => Answer::Body(page(&[ingress("a", "1")], "1", "next")),
        1 => Answer::Status(410, "{}"),
        _ => {
            assert!(!query.contains("limit="), "{query}");
            Answer::Body(page(&[ingress("c", "3")], "2", ""))
        }
    };
    assert_eq!(listed(expiring).await, Ok(vec!["\"c\"".into()]));
}

#[tokio::test]
async fn refusals_absence_and_failures_are_told_apart() {
    assert_eq!(listed(|_, _| Answer::Status(403, "{}")).await, Err(Unlisted::Forbidden));
    assert_eq!(listed(|_, _| Answer::Status(404, "404 page not found")).await, Err(Unlisted::Absent));
    assert!(
        matches!(listed(|_, _| Answer::Status(500, "no")).await, Err(Unlisted::Failed(why)) if why.contains("500"))
    );
    let garbage = |_: usize, _: &str| Answer::Body("[nonsense".into());
    assert!(matches!(listed(garbage).await, Err(Unlisted::Failed(why)) if why.contains("no list")));
    let broken = |_: usize, _: &str| Answer::Broken(page(&[ingress("a", "1")], "1", ""));
    assert!(matches!(listed(broken).await, Err(Unlisted::Failed(why)) if why.contains("broke off")));
}
