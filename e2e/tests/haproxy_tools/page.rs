//! The stats page in a real browser: logging in, filtering, sorting, draining an endpoint by a click.

use std::path::Path;

use tidegate_e2e::{Browser, Request, eventually, get};

use crate::{BACKEND, Subject};

/// Addresses of endpoints, in the order of the page.
fn endpoints(browser: &Browser) -> Vec<String> {
    let script =
        "return [...document.querySelectorAll('#tables section:last-of-type tbody th')].map(cell => cell.textContent)";
    let found = browser.run(script);
    found.as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// The text of an endpoint's row.
fn row(browser: &Browser, name: &str) -> String {
    let script = format!(
        "const row = [...document.querySelectorAll('tbody tr')].find(row => row.cells[0].textContent === '{name}'); \
         return row ? row.innerText : ''"
    );
    browser.run(&script).as_str().unwrap_or_default().to_owned()
}

/// How many of ten requests each pod gets.
fn shares(subject: &Subject) -> [u64; 2] {
    let total = |pod| {
        let stats = subject.say("show stat");
        let line = stats.lines().find(|line| line.split(',').nth(1) == Some(&subject.name_of(pod))).unwrap().to_owned();
        line.split(',').nth(7).unwrap().parse::<u64>().unwrap()
    };
    let before = [total(0), total(1)];
    for _ in 0..10 {
        assert_eq!(get(subject.server.http, "a.example", "/").map(|(status, _)| status), Some(200));
    }
    eventually("all are counted", || {
        let shares = [total(0) - before[0], total(1) - before[1]];
        (shares[0] + shares[1] == 10).then_some(shares)
    })
}

fn picture(browser: &Browser, name: &str) {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, browser.picture()).unwrap();
    eprintln!("{}", path.display());
}

#[test]
fn a_browser_logs_in_filters_sorts_and_drains_an_endpoint_by_a_click() {
    let subject = Subject::start_with(&["--stats-users=USERS"]);
    let refused = Request::get("stats", "/stats").send(subject.stats).unwrap();
    assert_eq!(refused.status, 401);
    let browser = Browser::open("", &subject.folder.0);
    browser.resize(1500, 700);
    // With the name and the password in the URL, where scripts may not fetch it as it is.
    browser.go(&format!("http://ops:secret@{}/stats", subject.stats));
    let text = browser.text();
    assert!(text.contains("ops may act.") && text.contains(BACKEND), "{text}");
    let (one, other) = (subject.name_of(0), subject.name_of(1));
    let mut names = [one.clone(), other.clone()];
    names.sort_by_key(|name| name.parse::<std::net::SocketAddr>().unwrap());
    assert_eq!(endpoints(&browser), names);

    // The page goes on by itself.
    shares(&subject);
    eventually("it refreshes itself", || browser.text().contains("as of ").then_some(()));
    assert!(!browser.text().contains("These numbers are old"), "{}", browser.text());

    browser.type_into("[name=q]", &one);
    eventually("one is found", || (endpoints(&browser) == [one.clone()]).then_some(()));
    browser.click("a[data-go][href='/stats']");
    eventually("all are back", || (endpoints(&browser).len() == 2).then_some(()));

    names.reverse();
    for (target, expected) in [("svname", [&names[1], &names[0]]), ("-svname", [&names[0], &names[1]])] {
        browser.click(&format!("section:last-of-type th a[href$='sort={target}']"));
        eventually("it is sorted", || {
            let is_at = browser.url().ends_with(&format!("?sort={target}"));
            (is_at && endpoints(&browser).iter().eq(expected)).then_some(())
        });
    }
    assert_eq!(browser.run("return document.querySelector('[aria-sort]').innerText.trim()"), "Endpoint \u{25bc}");

    assert!(row(&browser, &one).contains("UP"), "{}", row(&browser, &one));
    browser.click(&format!("button[aria-label='drain {one}']"));
    eventually("it drains", || {
        let row = row(&browser, &one);
        (row.contains("DRAIN") && row.contains("by an operator")).then_some(())
    });
    assert_eq!(shares(&subject), [0, 10]);
    assert!(browser.url().ends_with("?sort=-svname"), "the page stays what it was: {}", browser.url());
    picture(&browser, "stats-page.png");
    browser.prefer("dark");
    picture(&browser, "stats-page-dark.png");
    browser.prefer("light");
    browser.resize(420, 800);
    let overflow = browser.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
    assert_eq!(overflow, 0, "tables scroll, the page does not");
    picture(&browser, "stats-page-narrow.png");
    browser.resize(1500, 700);

    browser.click(&format!("button[aria-label='ready {one}']"));
    eventually("it is back", || {
        let row = row(&browser, &one);
        (row.contains("UP") && !row.contains("by an operator")).then_some(())
    });
    assert_eq!(shares(&subject), [5, 5]);
    let log = subject.server.log();
    assert!(log.matches("user=ops").count() >= 2 || log.matches("ops").count() >= 2, "{log}");
}
