//! A provider of OpenID Connect with one user, as small as oauth2-proxy takes it: discovery, a form, codes, and tokens signed by ES256.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SigningKey};
use serde_json::{Value, json};

/// Who may log in, and how.
pub(crate) const USER: [&str; 2] = ["ada", "lovelace"];

/// The name of oauth2-proxy here.
pub(crate) const CLIENT: &str = "shop";

/// How long tokens are good, in seconds.
const LIFE: u64 = 3600;

/// Longest body of a request.
const LONGEST: u64 = 64 << 10;

struct Provider {
    issuer: String,
    key: KeyPair,
    /// The nonce of each code that was given.
    codes: Mutex<BTreeMap<String, String>>,
}

/// Starts it at this address; returns its URL.
pub(crate) fn start(address: Ipv4Addr) -> String {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let issuer = format!("http://{}", listener.local_addr().unwrap());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
    let provider = Arc::new(Provider { issuer: issuer.clone(), key, codes: Mutex::default() });
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let provider = Arc::clone(&provider);
            // A client that breaks off ends the thread.
            thread::spawn(move || provider.answer(&stream));
        }
    });
    issuer
}

impl Provider {
    fn answer(&self, mut stream: &TcpStream) -> Option<()> {
        let mut reader = BufReader::new(stream);
        let (mut head, mut length) = (Vec::new(), 0);
        for line in reader.by_ref().lines() {
            let line = line.ok()?;
            if line.is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok()?;
            }
            head.push(line);
        }
        let mut body = String::new();
        reader.take(LONGEST.min(length)).read_to_string(&mut body).ok()?;
        let target = head.first()?.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let (head, text) = match path {
            "/.well-known/openid-configuration" => ok("application/json", self.discovery().to_string()),
            "/keys" => ok("application/json", self.keys().to_string()),
            "/token" => ok("application/json", self.tokens(&fields(&body))?.to_string()),
            "/authorize" => ok("text/html", form(query, "")),
            "/login" => self.login(query, &fields(&body)),
            _ => ("404 Not Found".to_owned(), String::new()),
        };
        let length = text.len();
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}");
        stream.write_all(answer.as_bytes()).ok()
    }

    fn discovery(&self) -> Value {
        let at = |path: &str| format!("{}/{path}", self.issuer);
        json!({
            "issuer": self.issuer, "authorization_endpoint": at("authorize"), "token_endpoint": at("token"),
            "jwks_uri": at("keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }

    fn keys(&self) -> Value {
        // A point as it is: 4, and two coordinates.
        let point = self.key.der_bytes();
        let [x, y] = [&point[1..33], &point[33..65]].map(base64url);
        json!({"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": "one", "x": x, "y": y}]})
    }

    /// Whoever has the password goes back with a code.
    fn login(&self, query: &str, given: &BTreeMap<String, String>) -> (String, String) {
        let asked = fields(query);
        let is_user = USER == ["user", "password"].map(|name| given.get(name).map_or("", String::as_str));
        let (Some(back), Some(state), true) = (asked.get("redirect_uri"), asked.get("state"), is_user) else {
            return ok("text/html", form(query, "This is not right."));
        };
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let code = format!("code-{}", codes.len());
        codes.insert(code.clone(), asked.get("nonce").cloned().unwrap_or_default());
        let state: String = state.bytes().map(|byte| format!("%{byte:02X}")).collect();
        (format!("302 Found\r\nlocation: {back}?code={code}&state={state}"), String::new())
    }

    fn tokens(&self, given: &BTreeMap<String, String>) -> Option<Value> {
        let nonce = self.codes.lock().unwrap_or_else(PoisonError::into_inner).get(given.get("code")?).cloned()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let [user, _] = USER;
        let claims = json!({
            "iss": self.issuer, "aud": CLIENT, "sub": user, "iat": now, "exp": now + LIFE, "nonce": nonce,
            "email": format!("{user}@login.example"), "email_verified": true,
        });
        let head = json!({"alg": "ES256", "typ": "JWT", "kid": "one"});
        let signed = [head, claims].map(|part| base64url(part.to_string().as_bytes())).join(".");
        let signature = base64url(&raw(&self.key.sign(signed.as_bytes()).ok()?)?);
        let token = format!("{signed}.{signature}");
        Some(json!({"access_token": "none", "token_type": "Bearer", "expires_in": LIFE, "id_token": token}))
    }
}

fn ok(kind: &str, text: String) -> (String, String) {
    (format!("200 OK\r\ncontent-type: {kind}"), text)
}

fn form(query: &str, said: &str) -> String {
    format!(
        "<!doctype html><title>Log in</title><body style='font: 20px sans-serif'><h1>Log in</h1><p id=said>{said}</p>
         <form method=post action='/login?{query}'><input name=user> <input name=password type=password> <button>Go</button></form>"
    )
}

/// The two numbers of an ECDSA signature in DER, of 32 bytes each (RFC 7515, appendix A.3).
fn raw(der: &[u8]) -> Option<Vec<u8>> {
    let mut raw = Vec::new();
    let mut rest = der.get(2..)?;
    for _ in 0..2 {
        let length = usize::from(*rest.get(1)?);
        let number = rest.get(2..2 + length)?;
        rest = &rest[2 + length..];
        let number = &number[number.len().saturating_sub(32)..];
        raw.extend(std::iter::repeat_n(0, 32 - number.len()));
        raw.extend(number);
    }
    Some(raw)
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | usize::from(part.get(at).copied().unwrap_or(0)));
        text.extend((0..=part.len()).map(|at| char::from(DIGITS[number >> (18 - 6 * at) & 63])));
    }
    text
}

/// The fields of a form.
fn fields(text: &str) -> BTreeMap<String, String> {
    text.split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap_or(b'?'));
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
