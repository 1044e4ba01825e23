//! Chromium through its driver, and what it complained about.

use std::io::{BufRead, BufReader, Read as _};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const INSTALL: &str = "install it: sudo apt-get install chromium chromium-driver";

/// How the browser is set up.
#[derive(Clone, Copy, Default)]
pub(crate) struct Options {
    /// No JavaScript in pages.
    pub(crate) no_script: bool,
    /// 360 by 740.
    pub(crate) phone: bool,
    /// The reader prefers no motion.
    pub(crate) still: bool,
}

/// A browser for one test.
pub(crate) struct Browser {
    client: Client,
    port: u16,
    session: String,
    driver: Child,
    /// Held open: a driver that cannot print ends.
    _output: BufReader<ChildStdout>,
    _profile: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

impl Browser {
    pub(crate) async fn start(options: Options) -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start chromedriver ({e}); {INSTALL}"));
        let mut output = BufReader::new(driver.stdout.take().expect("its output"));
        let port = output
            .by_ref()
            .lines()
            .map_while(Result::ok)
            .filter(|l| l.contains("successfully"))
            .find_map(|l| l.split("on port ").nth(1)?.trim_end_matches('.').parse().ok())
            .unwrap_or_else(|| panic!("chromedriver names no port; {INSTALL}"));
        let profile = tempfile::tempdir().expect("a profile folder");
        let mut args = vec![
            "--headless=new".to_string(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--disable-quic".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            "--disable-component-update".into(),
            "--disable-sync".into(),
            "--window-size=1280,900".into(),
            format!("--user-data-dir={}", profile.path().display()),
        ];
        if options.still {
            args.push("--force-prefers-reduced-motion".into());
        }
        let mut chrome = json!({ "args": args });
        if options.no_script {
            chrome["prefs"] = json!({ "profile.managed_default_content_settings.javascript": 2 });
        }
        if options.phone {
            let metrics = json!({ "width": 360, "height": 740, "pixelRatio": 2.0, "touch": true });
            chrome["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        let capabilities = json!({
            "goog:chromeOptions": chrome,
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities.as_object().expect("an object").clone())
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|e| panic!("chromium does not start ({e}); {INSTALL}"));
        let session = client.session_id().await.expect("a session").expect("an id");
        Self { client, port, session, driver, _output: output, _profile: profile }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.expect("the page opens");
    }

    pub(crate) async fn refresh(&self) {
        self.client.refresh().await.expect("the page opens again");
    }

    pub(crate) async fn address(&self) -> String {
        self.client.current_url().await.expect("an address").to_string()
    }

    pub(crate) async fn run(&self, script: &str) -> Value {
        self.client.execute(script, vec![]).await.expect("the script runs")
    }

    /// Waits until a script returns true.
    pub(crate) async fn wait(&self, script: &str) {
        for _ in 0..200 {
            if self.run(script).await == json!(true) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("waited ten seconds for `{script}`");
    }

    pub(crate) async fn click(&self, css: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).click().await.expect(css);
    }

    pub(crate) async fn press(&self, css: &str, keys: &str) {
        self.client.find(Locator::Css(css)).await.expect(css).send_keys(keys).await.expect(css);
    }

    pub(crate) async fn text(&self, css: &str) -> String {
        let element = self.client.find(Locator::Css(css)).await.expect(css);
        let shown = element.text().await.expect(css);
        if shown.is_empty() {
            element.prop("textContent").await.expect(css).unwrap_or_default()
        } else {
            shown
        }
    }

    /// Ends the test: no error on the console, and no request to any server but `origin`.
    pub(crate) async fn close_without_complaints(self, origin: &str) {
        let console = self.log("browser").await;
        let severe: Vec<&Value> = console
            .iter()
            .filter(|l| l["level"] == "SEVERE" && !l["message"].to_string().contains("favicon"))
            .collect();
        assert!(severe.is_empty(), "the console says {severe:?}");
        for line in self.log("performance").await {
            let inner: Value =
                serde_json::from_str(line["message"].as_str().unwrap_or("{}")).unwrap_or_default();
            let message = &inner["message"];
            if message["method"] == "Network.requestWillBeSent" {
                let url = message["params"]["request"]["url"].as_str().unwrap_or_default();
                let own = url.starts_with(origin)
                    || url.starts_with("data:")
                    || url.starts_with("chrome");
                assert!(own, "a request to {url}");
            }
        }
        self.close().await;
    }

    pub(crate) async fn close(self) {
        let _ = self.client.clone().close().await;
    }

    /// A window of this width, in the pixels that style sheets count.
    pub(crate) async fn width(&self, width: u32) {
        let metrics =
            json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// As on paper: A4 without its margins.
    pub(crate) async fn paper(&self) {
        self.width(718).await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "media": "print" })).await;
    }

    /// A theme for the pages that are opened next.
    pub(crate) async fn theme(&self, theme: &str) {
        self.run(&format!("localStorage.setItem('mdbook-theme', '{theme}')")).await;
    }

    /// What the reader's system is set to: `light` or `dark`.
    pub(crate) async fn prefers(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Presses keys wherever the focus is.
    pub(crate) async fn keys(&self, keys: &str) {
        self.client.active_element().await.expect("a focus").send_keys(keys).await.expect("keys");
    }

    async fn devtools(&self, command: &str, params: Value) {
        let body = json!({ "cmd": command, "params": params });
        let answer = self.post("goog/cdp/execute", &body).await;
        assert!(answer["value"].get("error").is_none(), "{command}: {answer}");
    }

    /// Chromium's own logs; the standard protocol has none.
    async fn log(&self, kind: &str) -> Vec<Value> {
        let answer = self.post("se/log", &json!({ "type": kind })).await;
        answer["value"].as_array().cloned().unwrap_or_default()
    }

    /// A command that only this driver has.
    async fn post(&self, path: &str, body: &Value) -> Value {
        let body = body.to_string();
        let request = format!(
            "POST /session/{}/{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.session,
            self.port,
            body.len()
        );
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("the driver answers");
        stream.write_all(request.as_bytes()).await.expect("the driver listens");
        // The driver keeps connections open whatever it is told: read as much as it announced.
        let mut answer = Vec::new();
        loop {
            let read = stream.read_buf(&mut answer).await.expect("the driver answers");
            let text = String::from_utf8_lossy(&answer);
            let (head, json) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
            let length = head.lines().find_map(|l| {
                let (name, value) = l.split_once(':')?;
                let length: usize = value.trim().parse().ok()?;
                name.eq_ignore_ascii_case("content-length").then_some(length)
            });
            if read == 0 || length.is_some_and(|l| json.len() >= l) {
                return serde_json::from_str(json).expect("JSON from the driver");
            }
        }
    }
}
