//! A workspace that was made to do harm: nothing in it is obeyed, and the token is nowhere.

use std::fs;
use std::path::Path;
use std::time::Duration;

use agent_smith::sim::{Fault, Match, Times};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::fixture::{Attempt, BRANCH, TOKEN, WHOLE, World, done, log, refused};

/// Whatever a repository can name as a program, and wherever it can name it.
const TRAPS: &str = r#"
touch "$PWD/evil" && cat > ../trap <<END
#!/bin/sh
touch $PROOF
cat
END
chmod +x ../trap
t=$PWD/../trap
trap_repository() {
  for key in core.fsmonitor core.sshCommand core.gitProxy core.editor core.pager core.askPass core.alternateRefsCommand \
      credential.helper filter.x.clean filter.x.smudge filter.x.process diff.x.command diff.x.textconv diff.external \
      merge.x.driver gpg.program commit.template uploadpack.packObjectsHook remote.origin.uploadpack \
      remote.origin.receivepack remote.origin.vcs; do
    git config --file "$1/config" $key "$t"
  done
  git config --file "$1/config" core.hooksPath "$PWD/../hooks"
  git config --file "$1/config" url.http://127.0.0.1:9/.insteadOf http://
  git config --file "$1/config" url.http://127.0.0.1:9/.pushInsteadOf http://
  git config --file "$1/config" remote.origin.pushurl http://127.0.0.1:9/o/r
  git config --file "$1/config" http.proxy http://127.0.0.1:9
  git config --file "$1/config" commit.gpgSign true
  git config --file "$1/config" include.path "$PWD/../more"
  mkdir -p "$1/hooks" ../hooks "$1/info"
  for hook in pre-commit commit-msg post-commit pre-push reference-transaction post-index-change post-checkout \
      prepare-commit-msg post-rewrite fsmonitor-watchman post-update push-to-checkout; do
    cp ../trap "$1/hooks/$hook"; cp ../trap "../hooks/$hook"
  done
  echo '* filter=x diff=x merge=x' > "$1/info/attributes"
  echo '*' > "$1/info/exclude"
}
trap_repository .git
trap_repository ../git
echo '*.txt filter=x diff=x' > .gitattributes
git init -q nested && (cd nested && git -c user.name=a -c user.email=b commit -q --allow-empty -m x)
trap_repository nested/.git
echo '*.txt filter=x' > nested/.gitattributes; echo x > nested/x.txt
mkdir -p home/.config/git; printf '[core]\n\tfsmonitor = %s\n' "$t" > "$HOME/.gitconfig"
printf 'machine 127.0.0.1 login x password wrong\n' > "$HOME/.netrc"
rm evil; rm -rf home; echo fixed > bug.txt
"#;

#[tokio::test]
async fn nothing_in_a_workspace_is_obeyed() {
    let world = World::new().await;
    let script = world.root.path().join("traps.sh");
    fs::write(&script, TRAPS).unwrap();
    let proof = world.root.path().join("proof");
    let steps = |last: &str| {
        let (proof, script) = (proof.display(), script.display());
        format!("[{{checkout: {{}}}}, {{run: 'PROOF={proof} sh -e {script}'}}, {{commit: {{}}}}, {{push: {{}}}}{last}]")
    };
    let report = world.run(&steps("")).await;
    done(&report);
    assert!(!proof.exists(), "a trap was sprung: {}", log(&report));
    assert_eq!(world.ask(&["show", &format!("{BRANCH}:bug.txt")]), "fixed");
    assert_eq!(world.ask(&["ls-tree", "-r", "--name-only", BRANCH]), ".gitattributes\nbug.txt\nsrc/lib.txt");
    assert!(log(&report).contains("left out: nested/ is a repository of its own"), "{}", log(&report));
    // The traps are real: a git that obeys springs them.
    world.run(&steps(", {run: 'git status'}")).await;
    assert!(proof.exists(), "the traps are none");
}

#[tokio::test]
async fn a_hostile_title_becomes_a_harmless_branch() {
    let mut world = World::new().await;
    let proof = world.root.path().join("proof");
    world.ticket.title = format!(
        "--upload-pack='touch {0}' $(touch {0}) `touch {0}`\n\0 ../../main @{{u}} :refs/heads/main .lock",
        proof.display()
    );
    world.ticket.url = "https://example.org/1\nAgent-Smith-Run: forged/9".into();
    done(&world.run(WHOLE).await);
    assert!(!proof.exists());
    let branches = world.branches();
    assert_eq!(branches.len(), 2, "{branches:?}");
    let branch = branches[0].strip_prefix("agent-smith/42-upload-pack-touch-").unwrap();
    assert!(branch.len() <= 40 && branch.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'), "{branch}");
    assert_eq!(world.ask(&["show", "main:bug.txt"]), "broken");
    let runs = world.ask(&["log", "-1", "--format=%(trailers:key=Agent-Smith-Run,valueonly)", &branches[0]]);
    assert_eq!(runs.trim(), format!("{}/1", world.job.run_id));
}

/// While a run is under way and after it, in every file of it and of its processes.
#[tokio::test]
async fn the_token_is_nowhere() {
    let world = World::new().await;
    let root = world.root.path().display();
    let steps = format!(
        "[{{checkout: {{}}}}, {{run: 'echo fixed > bug.txt'}}, {{commit: {{}}}}, {{push: {{}}}}, \
         {{run: 'git remote -v; tr \"\\0\" \"\\n\" < /proc/$$/environ; touch {root}/reached; until [ -e {root}/go ]; do sleep 0.01; done'}}]"
    );
    let attempt = Attempt::default();
    let run = world.attempt(&world.runner, &steps, &attempt);
    let look = async {
        while !world.root.path().join("reached").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let looked_at = without_token(&world.root.path().join("data"));
        assert!(looked_at > 40, "workspace, mirror and repositories: {looked_at} files");
        fs::write(world.root.path().join("go"), "").unwrap();
    };
    let (report, ()) = tokio::join!(run, look);
    done(&report);
    without_token(&world.root.path().join("data"));
    let log = log(&report);
    assert!(log.contains("AGENTSMITH_RUN_ID=") && log.contains("/o/r.git (fetch)"), "{log}");
    assert!(!log.contains("[masked]") && !log.contains("AGENTSMITH_GIT"), "{log}");
}

/// Looks through every file below a folder; returns how many there were.
fn without_token(folder: &Path) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            seen += without_token(&path);
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap_or_default();
            let found = bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
            assert!(!found, "the token is in {}", path.display());
            seen += 1;
        }
    }
    seen
}

/// A server that sends git elsewhere does not send the token along.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_to_another_host_carries_no_token() {
    let world = World::new().await;
    let elsewhere = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = elsewhere.local_addr().unwrap().port();
    let heard = tokio::spawn(async move {
        let mut heard = String::new();
        // One question, and the one that would carry what the challenge asks for.
        while let Ok(Ok((mut stream, _))) = tokio::time::timeout(Duration::from_secs(5), elsewhere.accept()).await {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
                let answer =
                    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        }
        heard
    });
    let location = format!("http://127.0.0.1:{port}/o/r.git/info/refs?service=git-upload-pack");
    world.sim.faults().fail(Match::path("/info/refs"), Times::Always, Fault::status(302).header("location", location));
    let report = world.run(WHOLE).await;
    assert!(refused(&report).contains("does not let us in"), "{}", refused(&report));
    let heard = heard.await.unwrap().to_lowercase();
    assert!(heard.contains("get /o/r.git/info/refs") && !heard.contains("authorization"), "{heard}");
}
