//! A real browser: Chromium without a screen, by way of WebDriver (<https://www.w3.org/TR/webdriver2/>).

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use crate::Request;
use serde_json::{Value, json};

/// What WebDriver calls an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// A window of Chromium, which ends with this.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    address: SocketAddr,
    session: String,
}

impl Browser {
    /// Opens a window. `rules` say where hosts are (`--host-resolver-rules`); certificates are not verified. Files go into the folder.
    ///
    /// # Panics
    /// When Chromium or chromedriver do not start; as all else here when they do not do what they are told.
    pub fn open(rules: &str, folder: &Path) -> Self {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--", "chromedriver", "--port=0"]);
        let mut driver = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("chromedriver runs");
        let mut said = BufReader::new(driver.stdout.take().expect("it is a pipe")).lines().map_while(Result::ok);
        let port = said.find_map(|line| line.split_once("successfully on port ")?.1.trim_end_matches('.').parse().ok());
        // What is not read would stop it one day.
        thread::spawn(move || said.count());
        let address = SocketAddr::from(([127, 0, 0, 1], port.expect("chromedriver says its port")));
        let mut browser = Self { driver, address, session: String::new() };
        let profile = folder.join("profile");
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--ignore-certificate-errors",
            "--no-proxy-server",
            "--window-size=900,600",
            &format!("--user-data-dir={}", profile.display()),
            &format!("--host-resolver-rules={rules}"),
        ];
        let options = json!({"args": arguments});
        let made = browser.post("/session", &json!({"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}}));
        browser.session = made["sessionId"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        browser
    }

    /// Makes the window another size, in pixels of the page.
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        self.tell("Emulation.setDeviceMetricsOverride", &size);
    }

    /// Says which colours its user prefers: `light` or `dark`.
    pub fn prefer(&self, scheme: &str) {
        let feature = json!({"name": "prefers-color-scheme", "value": scheme});
        self.tell("Emulation.setEmulatedMedia", &json!({"features": [feature]}));
    }

    fn tell(&self, command: &str, parameters: &Value) {
        self.post("goog/cdp/execute", &json!({"cmd": command, "params": parameters}));
    }

    /// What a script in the page returns.
    pub fn run(&self, script: &str) -> Value {
        self.post("execute/sync", &json!({"script": script, "args": []}))
    }

    /// Goes to a URL, and on to where that leads.
    pub fn go(&self, url: &str) {
        self.post("url", &json!({"url": url}));
    }

    /// The URL of the page.
    pub fn url(&self) -> String {
        self.get("url").as_str().unwrap_or_default().to_owned()
    }

    /// The text of the page.
    pub fn text(&self) -> String {
        self.run("return document.body.innerText").as_str().unwrap_or_default().to_owned()
    }

    /// Types into a field.
    pub fn type_into(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("element/{element}/value"), &json!({"text": text}));
    }

    /// Clicks, and waits for the page that comes of it.
    pub fn click(&self, selector: &str) {
        let element = self.find(selector);
        self.post(&format!("element/{element}/click"), &json!({}));
    }

    /// The window as a PNG.
    pub fn picture(&self) -> Vec<u8> {
        decode_base64(self.get("screenshot").as_str().unwrap_or_default())
    }

    fn find(&self, selector: &str) -> String {
        let found = self.post("element", &json!({"using": "css selector", "value": selector}));
        found[ELEMENT].as_str().unwrap_or_else(|| panic!("no {selector}: {found} in {}", self.text())).to_owned()
    }

    fn get(&self, path: &str) -> Value {
        self.ask("GET", path, "")
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        self.ask("POST", path, &body.to_string())
    }

    fn ask(&self, method: &str, path: &str, body: &str) -> Value {
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/session/{}/{path}", self.session) };
        let request =
            Request { method, host: "localhost", path: &path, fields: &[("content-type", "application/json")], body };
        let answer = request.send(self.address).expect("chromedriver answers");
        let mut answer = answer.echo();
        answer["value"].take()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The browser ends with its session, and with the driver if that fails.
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let _ =
                Request { method: "DELETE", host: "localhost", path: &path, fields: &[], body: "" }.send(self.address);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().filter_map(digit) {
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count & 0xff) as u8);
        }
    }
    bytes
}
