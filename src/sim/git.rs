//! Repositories behind the simulated platforms: git's own smart HTTP, by its program `git http-backend`.
//!
//! Who calls: the faces, which put `Repositories::behind` in front of their routes, so that a repository is where its
//! page is. What must stay true: without the platform's token nothing is read or written; a repository is what git makes
//! of it, no more and no less.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

mod merge;

pub use merge::Merge;

/// Largest body of a request: a push of a large test repository.
const MAX_BODY_BYTES: usize = 256 << 20;
/// What git asks below a repository's address.
const SERVICES: [&str; 3] = ["/info/refs", "/git-upload-pack", "/git-receive-pack"];
/// What a server of this kind allows: partial clones, as all the big ones do.
const CONFIG: [(&str, &str); 4] = [
    ("uploadpack.allowFilter", "true"),
    ("uploadpack.allowAnySHA1InWant", "true"),
    ("http.receivepack", "true"),
    ("gc.auto", "0"),
];

/// Bare repositories in a folder, by their path on a platform. Clones share them.
#[derive(Debug, Clone)]
pub struct Repositories {
    folder: Arc<Path>,
    known: Arc<Mutex<BTreeMap<String, PathBuf>>>,
    without_filter: Arc<AtomicBool>,
}

impl Repositories {
    /// None yet; what is made goes into this folder, which the caller removes.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.into(), known: Arc::default(), without_filter: Arc::default() }
    }

    /// Makes an empty repository at a path such as `owner/repo`, `group/sub/project` or `org/project/_git/repo`.
    ///
    /// # Errors
    /// When git cannot make it.
    pub async fn add(&self, path: &str) -> io::Result<PathBuf> {
        let number = self.known().len();
        let folder = self.folder.join(format!("{number}.git"));
        let made = Command::new("git")
            .args(["init", "--quiet", "--bare", "--initial-branch=main"])
            .arg(&folder)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .status()
            .await?;
        if !made.success() {
            return Err(io::Error::other("git init failed"));
        }
        self.known().insert(path.to_owned(), folder.clone());
        Ok(folder)
    }

    /// Puts files on `main` of a repository that is empty; names without a folder.
    ///
    /// # Errors
    /// When git cannot do it.
    pub async fn begin(&self, path: &str, files: &[(&str, &str)]) -> io::Result<()> {
        let mut entries = String::new();
        for (name, text) in files {
            let blob = self.feed(path, &["hash-object", "-w", "--stdin"], text).await?;
            entries.push_str(&format!("100644 blob {blob}\t{name}\n"));
        }
        let tree = self.feed(path, &["mktree"], &entries).await?;
        let commit = self.feed(path, &["commit-tree", &tree, "-m", "Begin"], "").await?;
        self.feed(path, &["update-ref", "refs/heads/main", &commit], "").await.map(drop)
    }

    /// What git answers to this input.
    async fn feed(&self, path: &str, arguments: &[&str], input: &str) -> io::Result<String> {
        let folder = self.folder_of(path).ok_or_else(|| io::Error::other("no such repository"))?;
        let mut git = git_in(&folder);
        for who in ["AUTHOR", "COMMITTER"] {
            git.env(format!("GIT_{who}_NAME"), "Jane").env(format!("GIT_{who}_EMAIL"), "jane@example.invalid");
        }
        let mut git = git.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        if let Some(mut to) = git.stdin.take() {
            to.write_all(input.as_bytes()).await?;
        }
        let output = git.wait_with_output().await?;
        match output.status.success() {
            true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned()),
            false => Err(io::Error::other(format!("git {} failed", arguments.join(" ")))),
        }
    }

    /// From now on the server knows no partial clones, as many of one's own do not.
    pub fn without_filter(&self) {
        self.without_filter.store(true, Ordering::Relaxed);
    }

    /// Where the repository of a path is on disk.
    pub fn folder_of(&self, path: &str) -> Option<PathBuf> {
        self.known().get(path).cloned()
    }

    /// The commit that a branch is at.
    pub(super) async fn commit_of(&self, path: &str, branch: &str) -> Option<String> {
        self.ask(path, &["rev-parse", "--verify", "--quiet", &format!("refs/heads/{branch}")]).await
    }

    /// True when `head` has commits that `base` has not.
    pub(super) async fn is_ahead(&self, path: &str, base: &str, head: &str) -> bool {
        let range = format!("refs/heads/{base}..refs/heads/{head}");
        self.ask(path, &["rev-list", "--count", &range]).await.is_some_and(|count| count != "0")
    }

    async fn ask(&self, path: &str, arguments: &[&str]) -> Option<String> {
        let mut git = git_in(&self.folder_of(path)?);
        let output = git.args(arguments).stdin(Stdio::null()).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// These routes, with the repositories in front: whoever shows `token` as the password may read and write.
    pub(super) fn behind(repositories: Option<Self>, token: &str, router: Router) -> Router {
        match repositories {
            Some(repositories) => {
                let gate = Gate { repositories, token: token.into() };
                router.layer(from_fn_with_state(gate, answer))
            }
            None => router,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, PathBuf>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Git on a repository, without anybody's configuration.
fn git_in(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.arg("--git-dir").arg(folder).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    git.kill_on_drop(true);
    git
}

#[derive(Clone)]
struct Gate {
    repositories: Repositories,
    token: Arc<str>,
}

async fn answer(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let asked = SERVICES.iter().find_map(|service| Some((path.strip_suffix(service)?, *service)));
    let Some((repository, service)) = asked else { return next.run(request).await };
    if !shows(request.headers(), &gate.token) {
        let challenge = [(header::WWW_AUTHENTICATE, "Basic realm=\"git\"")];
        return (StatusCode::UNAUTHORIZED, challenge, "token required\n").into_response();
    }
    let name = repository.trim_matches('/');
    let known = gate.repositories.folder_of(name);
    let Some(folder) = known.or_else(|| gate.repositories.folder_of(name.trim_end_matches(".git"))) else {
        return (StatusCode::NOT_FOUND, "repository not found\n").into_response();
    };
    let filters = !gate.repositories.without_filter.load(Ordering::Relaxed);
    match serve(&folder, (service, filters), request).await {
        Ok(answer) => answer,
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// Basic credentials with the token as the password, whatever the account.
fn shows(headers: &HeaderMap, token: &str) -> bool {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded = value.and_then(|value| value.strip_prefix("Basic "));
    let decoded = encoded.and_then(|encoded| base64::engine::general_purpose::STANDARD.decode(encoded).ok());
    decoded
        .and_then(|pair| String::from_utf8(pair).ok())
        .is_some_and(|pair| pair.split_once(':').is_some_and(|(user, password)| !user.is_empty() && password == token))
}

/// One request through the program, after the rules of CGI (RFC 3875).
async fn serve(folder: &Path, (service, filters): (&str, bool), request: Request) -> io::Result<Response> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, MAX_BODY_BYTES).await.map_err(io::Error::other)?;
    let header = |name: HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_COUNT", CONFIG.len().to_string())
        .env("PATH_INFO", service)
        .env("QUERY_STRING", head.uri.query().unwrap_or_default())
        .env("REQUEST_METHOD", head.method.as_str())
        .env("CONTENT_TYPE", header(header::CONTENT_TYPE))
        .env("HTTP_CONTENT_ENCODING", header(header::CONTENT_ENCODING))
        .env("GIT_PROTOCOL", header(HeaderName::from_static("git-protocol")))
        .env("REMOTE_USER", "smith")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    if head.method == Method::POST {
        command.env("CONTENT_LENGTH", body.len().to_string());
    }
    for (index, (name, value)) in CONFIG.iter().enumerate() {
        let value = if *name == "uploadpack.allowFilter" && !filters { "false" } else { value };
        command.env(format!("GIT_CONFIG_KEY_{index}"), name).env(format!("GIT_CONFIG_VALUE_{index}"), value);
    }
    let mut backend = command.spawn()?;
    let mut input = backend.stdin.take();
    let feed = async {
        if let Some(input) = &mut input {
            let _ = input.write_all(&body).await; // it may answer without reading all
        }
        drop(input.take());
    };
    let ((), output) = tokio::join!(feed, backend.wait_with_output());
    parse(&Bytes::from(output?.stdout))
}

/// The answer of a CGI program: header lines, an empty one, the body.
fn parse(output: &Bytes) -> io::Result<Response> {
    let end = output.windows(4).position(|window| window == b"\r\n\r\n");
    let end = end.ok_or_else(|| io::Error::other("git http-backend gave no answer"))?;
    let mut answer = Response::new(Body::from(output.slice(end + 4..)));
    for line in String::from_utf8_lossy(&output[..end]).lines() {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *answer.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    Ok(answer)
}
