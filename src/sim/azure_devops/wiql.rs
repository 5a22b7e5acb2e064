//! The query language of work items: from text to a [`Query`], or to the words in which Azure DevOps refuses.
//!
//! Pure. The part of it that clients of ours may want: `SELECT … FROM WorkItems WHERE … ORDER BY …` with AND (binds
//! tighter), OR, NOT, parentheses, comparisons, IN, CONTAINS. Source: Microsoft, "WIQL syntax".

use super::problem::Problem;

/// Source: Microsoft: a query has at most 32,000 characters.
const MAX_CHARS: usize = 32_000;
/// Parentheses and NOTs inside each other; nobody writes more.
const MAX_DEPTH: usize = 50;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    pub(super) filter: Option<Filter>,
    /// Field and whether it falls.
    pub(super) order: Vec<(String, bool)>,
}

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    /// Field in lower case, operator in upper case.
    Is(String, String, Vec<Value>),
}

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    /// Such as `@project`, in lower case.
    Macro(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Word(String),
    Field(String),
    Value(Value),
    Sign(String),
}

/// Reads a query.
pub(super) fn parse(text: &str) -> Result<Query, Problem> {
    if text.chars().count() > MAX_CHARS {
        return Err(refuse("the query text is longer than 32000 characters"));
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0 };
    parser.expect("SELECT")?;
    parser.fields()?;
    parser.expect("FROM")?;
    parser.expect("WORKITEMS")?;
    let filter = if parser.takes("WHERE") { Some(parser.any()?) } else { None };
    let mut order = Vec::new();
    if parser.takes("ORDER") {
        parser.expect("BY")?;
        loop {
            let field = parser.field()?;
            let falls = parser.takes("DESC");
            if !falls {
                parser.takes("ASC");
            }
            order.push((field, falls));
            if !parser.takes_sign(",") {
                break;
            }
        }
    }
    match parser.tokens.get(parser.at) {
        None => Ok(Query { filter, order }),
        Some(token) => Err(refuse(&format!("unexpected {token:?}"))),
    }
}

impl Query {
    /// How many tags the query names.
    pub(super) fn tags(&self) -> usize {
        fn count(filter: &Filter) -> usize {
            match filter {
                Filter::All(parts) | Filter::Any(parts) => parts.iter().map(count).sum(),
                Filter::Not(part) => count(part),
                Filter::Is(field, _, values) => {
                    if field == "system.tags" {
                        values.len()
                    } else {
                        0
                    }
                }
            }
        }
        self.filter.as_ref().map_or(0, count)
    }
}

fn refuse(why: &str) -> Problem {
    let message = format!("TF51006: The query statement is not valid: {why}.");
    Problem::bad_request("WorkItemTrackingQuerySyntaxException", message)
}

fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first)?,
            '[' => {
                let end = rest.find(']').ok_or_else(|| refuse("a field name is not closed"))?;
                (Token::Field(rest[1..end].trim().to_lowercase()), end + 1)
            }
            '(' | ')' | ',' | '=' => (Token::Sign(first.to_string()), 1),
            '<' | '>' => {
                let length = if rest[1..].starts_with(['=', '>']) { 2 } else { 1 };
                (Token::Sign(rest[..length].to_owned()), length)
            }
            '@' => {
                let length = 1 + word_length(&rest[1..]);
                (Token::Value(Value::Macro(rest[..length].to_lowercase())), length)
            }
            '0'..='9' | '-' => {
                let length = 1 + rest[1..].bytes().take_while(u8::is_ascii_digit).count();
                let number = rest[..length].parse().map_err(|_| refuse("a number is not valid"))?;
                (Token::Value(Value::Number(number)), length)
            }
            _ => {
                let length = word_length(rest);
                if length == 0 {
                    return Err(refuse(&format!("unexpected {first}")));
                }
                (Token::Word(rest[..length].to_uppercase()), length)
            }
        };
        tokens.push(token);
        rest = rest[length..].trim_start();
    }
    Ok(tokens)
}

fn word_length(text: &str) -> usize {
    text.bytes().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_')).count()
}

/// A string; its own quote sign is doubled inside.
fn quoted(text: &str, quote: char) -> Result<(Token, usize), Problem> {
    let mut value = String::new();
    let mut signs = text.char_indices().skip(1).peekable();
    while let Some((at, sign)) = signs.next() {
        if sign != quote {
            value.push(sign);
        } else if signs.peek().is_some_and(|(_, next)| *next == quote) {
            value.push(quote);
            signs.next();
        } else {
            return Ok((Token::Value(Value::Text(value)), at + 1));
        }
    }
    Err(refuse("the string is missing a closing quote"))
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
}

impl Parser {
    fn takes(&mut self, word: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Word(next)) if next == word);
        self.at += usize::from(found);
        found
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.tokens.get(self.at), Some(Token::Sign(next)) if next == sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, word: &str) -> Result<(), Problem> {
        if self.takes(word) { Ok(()) } else { Err(refuse(&format!("expecting {word}"))) }
    }

    fn field(&mut self) -> Result<String, Problem> {
        let field = match self.tokens.get(self.at) {
            Some(Token::Field(name)) => name.clone(),
            Some(Token::Word(name)) if name.contains('.') => name.to_lowercase(),
            _ => return Err(refuse("expecting a field name")),
        };
        self.at += 1;
        Ok(field)
    }

    fn fields(&mut self) -> Result<(), Problem> {
        self.field()?;
        while self.takes_sign(",") {
            self.field()?;
        }
        Ok(())
    }

    fn any(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.all()?];
        while self.takes("OR") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Any(parts) })
    }

    fn all(&mut self) -> Result<Filter, Problem> {
        let mut parts = vec![self.one()?];
        while self.takes("AND") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::All(parts) })
    }

    fn one(&mut self) -> Result<Filter, Problem> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(refuse("too many conditions inside each other"));
        }
        let filter = if self.takes("NOT") {
            Filter::Not(Box::new(self.one()?))
        } else if self.takes_sign("(") {
            let filter = self.any()?;
            if !self.takes_sign(")") {
                return Err(refuse("expecting )"));
            }
            filter
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, Problem> {
        let field = self.field()?;
        let is_not = self.takes("NOT");
        let (operator, values) = match self.tokens.get(self.at).cloned() {
            Some(Token::Word(word)) if word == "IN" => {
                self.at += 1;
                (word, self.list()?)
            }
            Some(Token::Word(word)) if word == "CONTAINS" => {
                self.at += 1;
                (word, vec![self.value()?])
            }
            Some(Token::Sign(sign)) if !is_not && "=<>".contains(sign.as_str().chars().next().unwrap_or('(')) => {
                self.at += 1;
                (sign, vec![self.value()?])
            }
            _ => return Err(refuse("expecting an operator")),
        };
        let is = Filter::Is(field, operator, values);
        Ok(if is_not { Filter::Not(Box::new(is)) } else { is })
    }

    fn list(&mut self) -> Result<Vec<Value>, Problem> {
        if !self.takes_sign("(") {
            return Err(refuse("expecting ("));
        }
        let mut values = vec![self.value()?];
        while self.takes_sign(",") {
            values.push(self.value()?);
        }
        if self.takes_sign(")") { Ok(values) } else { Err(refuse("expecting )")) }
    }

    fn value(&mut self) -> Result<Value, Problem> {
        match self.tokens.get(self.at) {
            Some(Token::Value(value)) => {
                self.at += 1;
                Ok(value.clone())
            }
            _ => Err(refuse("expecting a value")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Filter {
        parse(&format!("select [System.Id] from workitems where {text}")).unwrap().filter.unwrap()
    }

    fn is(field: &str, operator: &str, value: Value) -> Filter {
        Filter::Is(field.to_owned(), operator.to_owned(), vec![value])
    }

    #[test]
    fn and_binds_tighter_than_or() {
        let id = |number| is("system.id", "=", Value::Number(number));
        let expected = Filter::Any(vec![id(1), Filter::All(vec![id(2), Filter::Not(Box::new(id(3)))])]);
        assert_eq!(filter("[System.Id] = 1 OR [System.Id] = 2 AND NOT [System.Id] = 3"), expected);
        let expected = Filter::All(vec![Filter::Any(vec![id(1), id(2)]), id(3)]);
        assert_eq!(filter("([System.Id] = 1 or System.Id = 2) and [System.Id] = 3"), expected);
    }

    #[test]
    fn quotes_are_doubled_and_not_may_stand_on_both_sides() {
        let it_s = is("system.tags", "CONTAINS", Value::Text("it's \"x\"".to_owned()));
        assert_eq!(filter("[System.Tags] CONTAINS 'it''s \"x\"'"), it_s);
        assert_eq!(filter("[System.Tags] contains \"it's \"\"x\"\"\""), it_s);
        assert_eq!(filter("[System.Tags] NOT CONTAINS 'it''s \"x\"'"), Filter::Not(Box::new(it_s)));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        let deep = format!("SELECT [a] FROM WorkItems WHERE {}[a] = 1", "NOT ".repeat(60));
        for text in [
            "",
            "SELECT * FROM WorkItems",
            "SELECT [System.Id] FROM WorkItems WHERE",
            "SELECT [System.Id] FROM WorkItems WHERE [System.Tags] CONTAINS 'it's'",
            "SELECT [System.Id] FROM WorkItems WHERE [System.State] IN ()",
            "SELECT [System.Id] FROM WorkItems WHERE ([System.Id] = 1",
            "SELECT [System.Id] FROM WorkItems; DROP",
            "SELECT [System.Id] FROM WorkItems ORDER BY [System.Id] ASC [x]",
            deep.as_str(),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
        let long = format!("SELECT [System.Id] FROM WorkItems WHERE [System.Title] = '{}'", "x".repeat(MAX_CHARS));
        assert!(parse(&long).is_err());
    }
}
