//! What operators prove themselves with.
//!
//! Who calls: `load`, with the environment; `http` compares. What must stay true: the token is never printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use super::env::Env;

/// The variable that holds it.
pub const OPERATOR_TOKEN: &str = "AGENTSMITH_OPERATOR_TOKEN";

/// The token of operators.
#[derive(Clone)]
pub struct OperatorToken(SecretString);

impl OperatorToken {
    /// The one of the environment; `None` when there is none.
    pub(super) fn of(env: &Env) -> Option<Self> {
        env.trimmed(OPERATOR_TOKEN).map(|token| Self(SecretString::from(token.to_owned())))
    }

    /// The token itself.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl PartialEq for OperatorToken {
    fn eq(&self, other: &Self) -> bool {
        self.0.expose_secret() == other.0.expose_secret()
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OperatorToken")
    }
}
