//! A cluster in a directory of its own, and a browser in front of it.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use ch01_sticky_sessions::system::SYSTEM;
use ch01_sticky_sessions::system::client::{Browser, Page};
use ch01_sticky_sessions::system::hashed::hashed;
use ch01_sticky_sessions::types::SessionId;
use lab::http::{Answered, Caller};
use lab::run::children::Child;
use lab::system::{Cluster, Config, Options, report};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_ch01-sticky-sessions");

/// One cluster, and a runtime to ask it with.
pub(crate) struct TestShop {
    pub(crate) cluster: Cluster,
    runtime: Runtime,
    _dir: TempDir,
}

/// A balancer that no cluster knows. Dropping it ends it.
pub(crate) struct SecondBalancer {
    pub(crate) shop: SocketAddr,
    _child: Child,
}

impl TestShop {
    pub(crate) fn new(design: u8) -> Self {
        Self::with(design, |options| options)
    }

    /// With more options than the design.
    pub(crate) fn with(design: u8, more: impl FnOnce(Options) -> Options) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let options = Options::default()
            .with_value("design", design.to_string())
            .with_value("shop-port", "0");
        let options = more(options);
        let config = Config {
            program: PROGRAM.into(),
            options,
            ..Config::new(SYSTEM, dir.path().join("data")).unwrap()
        };
        let cluster = Cluster::start(config).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        Self { cluster, runtime, _dir: dir }
    }

    /// Where users come. It is another port after a restart of the balancer.
    pub(crate) fn shop(&self) -> SocketAddr {
        let roles = self.runtime.block_on(report(&self.cluster.endpoints(), None));
        let lb = roles.into_iter().find_map(|(name, status)| (name == "lb").then_some(status?));
        lb.expect("the balancer is up").own["shop"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(self.shop())
    }

    /// Asks until a web process answers; what the balancer says meanwhile is that none does.
    pub(crate) fn call(&self, browser: &mut Browser, method: &Method, path: &str) -> Page {
        self.until(path, || {
            let page = self.runtime.block_on(browser.call(method.clone(), path))?;
            let not_now = page.served_by.is_empty() || page.status.is_server_error();
            (!not_now).then_some(page)
        })
    }

    pub(crate) fn get(&self, browser: &mut Browser) -> Page {
        self.call(browser, &Method::GET, "/cart")
    }

    /// Which web process shows the cart, and what the balancer says about the browser's cookie for it.
    pub(crate) fn hit(&self, browser: &mut Browser) -> (String, String) {
        let page = self.get(browser);
        assert_eq!(page.status, StatusCode::OK);
        (page.served_by, page.affinity)
    }

    /// What a role reports about itself.
    pub(crate) fn status(&self, role: &str) -> Value {
        let mut caller = Caller::new(self.cluster.endpoint(role));
        self.runtime.block_on(caller.get("/status")).unwrap().body
    }

    /// Whether the balancer gives requests to a web process.
    pub(crate) fn is_active(&self, web: &str) -> bool {
        self.status("lb")["backends"][web] == "active"
    }

    /// One answer, whatever it is.
    pub(crate) fn once(&self, browser: &mut Browser, path: &str) -> Option<Page> {
        self.try_once(browser, Method::GET, path)
    }

    /// The same, with another method.
    pub(crate) fn try_once(
        &self,
        browser: &mut Browser,
        method: Method,
        path: &str,
    ) -> Option<Page> {
        self.runtime.block_on(browser.call(method, path))
    }

    pub(crate) fn post(&self, browser: &mut Browser, path: &str) -> Page {
        self.call(browser, &Method::POST, path)
    }

    /// The whole answer to a request without a body; the head ends with a line break.
    pub(crate) fn raw(&self, head: &str) -> String {
        let shop = self.shop();
        let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
        raw(shop, &format!("{head}Host: {shop}\r\n{end}"))
    }

    /// What a command says about this cluster, and its exit code.
    pub(crate) fn command(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(PROGRAM);
        let output = command.args(args).arg("--dir").arg(self.cluster.dir()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// Another balancer before the same web processes. It has the same keys, and nothing else of the first.
    pub(crate) fn second_balancer(&self, dir: &Path) -> SecondBalancer {
        let keys = self.cluster.dir().join("keys");
        let mut command = Command::new(PROGRAM);
        command.args(["role", "lb", "--cluster", &self.cluster.id().to_string()]);
        command.args(["--design", "7", "--shop-port", "0"]).arg("--dir").arg(dir);
        command.arg("--keys").arg(keys);
        let mut child = Child::start("a second lb", command, DEADLINE).unwrap();
        let http = child.line(DEADLINE).unwrap();
        let http = http.strip_prefix("http ").unwrap().parse().unwrap();
        let told = json!({ "nodes": {}, "endpoints": self.cluster.endpoints() });
        child.tell(&told.to_string()).unwrap();
        assert_eq!(child.line(DEADLINE).as_deref(), Some("linked"));
        let mut caller = Caller::new(http);
        let status = self.runtime.block_on(caller.get("/status")).unwrap();
        SecondBalancer { shop: status.field("shop").parse().unwrap(), _child: child }
    }

    /// Puts another list of web processes in force.
    pub(crate) fn list(&self, webs: &[&str]) {
        let one = |web: &&str| json!({ "name": web, "address": self.cluster.endpoint(web) });
        let list: Vec<Value> = webs.iter().map(one).collect();
        self.put(&json!(list));
    }

    /// The same, wherever they listen.
    pub(crate) fn put(&self, list: &Value) {
        let mut operator = Caller::new(self.cluster.front());
        let body = list.to_string().into();
        let put = operator.call(Method::PUT, "/backends", body, "application/json");
        assert_eq!(self.runtime.block_on(put).unwrap().status, 200);
    }

    /// Users at addresses of their own, all signed in.
    pub(crate) fn users(&self, count: u8) -> Vec<Browser> {
        let user = |i| {
            let mut user = self.browser().coming_from(Ipv4Addr::new(127, 0, i, 1));
            let page = self.post(&mut user, &format!("/sign-in?user=user-{i}"));
            assert_eq!(page.status, StatusCode::OK);
            user
        };
        (1..=count).map(user).collect()
    }

    /// Asks a page of the balancer for operators to do something.
    pub(crate) fn operate(&self, path: &str) -> Answered {
        let mut operator = Caller::new(self.cluster.front());
        self.runtime.block_on(operator.post(path, &json!({}))).unwrap()
    }

    /// The balancer's counters.
    pub(crate) fn metrics(&self) -> String {
        let at = self.cluster.front();
        let head = format!("GET /metrics HTTP/1.1\r\nHost: {at}\r\n");
        raw(at, &format!("{head}Connection: close\r\n\r\n"))
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.runtime.spawn(task)
    }

    pub(crate) fn join(&self, task: JoinHandle<()>) {
        self.runtime.block_on(task).unwrap();
    }

    /// Signs Alice in, with an umbrella in her cart.
    pub(crate) fn alice(&self) -> Browser {
        let mut alice = self.browser();
        assert_eq!(self.post(&mut alice, "/sign-in?user=alice").status, StatusCode::OK);
        let page = self.post(&mut alice, "/cart?item=umbrella");
        assert_eq!(page.body, json!({ "user": "alice", "cart": ["umbrella"] }));
        alice
    }

    /// What a signed-in browser's session is called behind the pages, in hexadecimal digits.
    pub(crate) fn name_of(&self, user: &Browser) -> String {
        let secret = SessionId::try_from(user.cookie("sid").expect("signed in")).unwrap();
        hashed(secret).into()
    }

    /// Asks until something is so.
    pub(crate) fn until<T>(&self, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
        let deadline = tokio::time::Instant::now() + DEADLINE;
        loop {
            if let Some(found) = probe() {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "not in {DEADLINE:?}: {what}");
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(5)).await });
        }
    }
}

/// All that a server sends in answer to this.
pub(crate) fn raw(server: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
