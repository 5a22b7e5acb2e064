//! A project's repository as git calls it.
//!
//! Who calls: the three steps. What must stay true: the address holds no credential; only the protocols of the source's
//! own address are allowed, whatever a repository asks for.

use std::ffi::OsString;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::credentials::{HELPER, ORIGIN, TOKEN, USER};
use crate::config::{Source, SourceHost};

/// A transfer that is slower than this for so long hangs: bytes a second, and seconds.
const SLOWEST: (&str, &str) = ("1000", "60");

/// Where git reads from and writes to.
#[derive(Debug, Clone)]
pub(in crate::pipeline) struct Remote {
    address: OsString,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Http { host: SourceHost, origin: String, token: Option<SecretString> },
    Ssh,
    Local,
}

impl Remote {
    /// The repository of a source.
    pub(in crate::pipeline) fn of(source: &Source) -> Self {
        match source {
            Source::Local(path) => Self { address: path.clone().into(), kind: Kind::Local },
            Source::Remote { url, .. } if url.scheme() == "ssh" => {
                Self { address: url.as_str().into(), kind: Kind::Ssh }
            }
            Source::Remote { host, url, credentials } => {
                let mut address = url.clone();
                let needs_ending = *host != SourceHost::AzureRepos && !url.path().ends_with(".git");
                if needs_ending {
                    address.set_path(&format!("{}.git", url.path()));
                }
                // `http://host` or `http://host:port`, as the address has it, without the default port.
                let origin = url.origin().ascii_serialization();
                let token = credentials.as_ref().map(|credentials| credentials.token.clone());
                Self { address: address.as_str().into(), kind: Kind::Http { host: *host, origin, token } }
            }
        }
    }

    /// A file name that no other repository has, and that tells nothing about it.
    pub(super) fn name(&self) -> String {
        let digest = Sha256::digest(self.address.as_encoded_bytes());
        hex::encode(&digest[..16])
    }

    /// Whether only the newest files are fetched, and older ones when git wants them. A repository on this machine is
    /// copied whole: it costs nothing but disk.
    pub(super) fn is_partial(&self) -> bool {
        !self.is_local()
    }

    /// Whether it is a folder on this machine.
    pub(super) fn is_local(&self) -> bool {
        matches!(self.kind, Kind::Local)
    }

    /// Its address, which may be shown.
    pub(in crate::pipeline) fn address(&self) -> String {
        self.address.display().to_string()
    }

    /// How a person lets us in.
    pub(super) fn cure(&self) -> String {
        match &self.kind {
            Kind::Http { host, token: None, .. } => format!("set {}", host.token_variable()),
            Kind::Http { host, .. } => {
                let right = match host {
                    SourceHost::GitHub => "read and write \"Contents\" of the repository",
                    SourceHost::GitLab => "the scope api or write_repository, and the role Developer",
                    SourceHost::AzureRepos => "the scope \"Code (read & write)\"",
                };
                format!("the token in {} needs {right}", host.token_variable())
            }
            Kind::Ssh => {
                "the user that runs agent-smith needs a key that the host knows, without a passphrase or in its agent, \
                 and the host in its known_hosts"
                    .to_owned()
            }
            Kind::Local => "the user that runs agent-smith needs the right to read and write it".to_owned(),
        }
    }

    /// Configuration that every call for this repository has.
    pub(super) fn config(&self) -> Vec<(String, OsString)> {
        let mut config: Vec<(String, OsString)> = vec![("remote.origin.url".to_owned(), self.address.clone())];
        let mut set = |name: &str, value: &str| config.push((name.to_owned(), value.into()));
        if self.is_partial() {
            set("remote.origin.promisor", "true");
            set("remote.origin.partialclonefilter", "blob:none");
        }
        set("http.lowSpeedLimit", SLOWEST.0);
        set("http.lowSpeedTime", SLOWEST.1);
        if let Kind::Http { origin, token: Some(_), .. } = &self.kind {
            set(&format!("credential.{origin}.helper"), HELPER);
        }
        config
    }

    /// Environment of a call that talks to it.
    pub(super) fn environment(&self) -> Vec<(OsString, OsString)> {
        let pairs: Vec<(&str, &str)> = match &self.kind {
            Kind::Http { host, origin, token } => {
                let user = match host {
                    SourceHost::GitHub => "x-access-token",
                    SourceHost::GitLab => "oauth2",
                    SourceHost::AzureRepos => "agent-smith",
                };
                let protocol =
                    ("GIT_ALLOW_PROTOCOL", if origin.starts_with("https:") { "https" } else { "http:https" });
                match token {
                    Some(token) => vec![protocol, (ORIGIN, origin), (USER, user), (TOKEN, token.expose_secret())],
                    None => vec![protocol],
                }
            }
            // Never asks: there is nobody to answer.
            Kind::Ssh => vec![("GIT_ALLOW_PROTOCOL", "ssh"), ("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")],
            Kind::Local => vec![("GIT_ALLOW_PROTOCOL", "file")],
        };
        pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use url::Url;

    use super::*;
    use crate::config::Credentials;

    fn remote(host: SourceHost, url: &str) -> Remote {
        let credentials = Some(Credentials { user: None, token: "t0ken".to_owned().into() });
        Remote::of(&Source::Remote { host, url: Url::parse(url).unwrap(), credentials })
    }

    #[test]
    fn a_page_becomes_the_address_that_git_wants() {
        let address = |host, url| remote(host, url).address();
        assert_eq!(address(SourceHost::GitHub, "https://github.com/o/r"), "https://github.com/o/r.git");
        assert_eq!(address(SourceHost::GitLab, "https://gitlab.com/g/s/p.git"), "https://gitlab.com/g/s/p.git");
        let azure = "https://dev.azure.com/o/My%20P/_git/r";
        assert_eq!(address(SourceHost::AzureRepos, azure), azure);
        assert_eq!(address(SourceHost::GitHub, "ssh://git@github.com/o/r"), "ssh://git@github.com/o/r");
    }

    #[test]
    fn the_helper_is_asked_for_the_own_origin_and_the_token_is_nowhere_else() {
        let remote = remote(SourceHost::GitHub, "http://127.0.0.1:4711/o/r");
        let config = remote.config();
        assert!(config.iter().any(|(name, _)| name == "credential.http://127.0.0.1:4711.helper"), "{config:?}");
        assert!(!format!("{config:?}{remote:?}{}", remote.name()).contains("t0ken"));
        let with_token = remote.environment().into_iter().filter(|(_, value)| value == "t0ken");
        assert_eq!(with_token.map(|(name, _)| name).collect::<Vec<_>>(), [TOKEN]);
    }
}
