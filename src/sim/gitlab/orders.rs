//! Quick actions: lines of a note that GitLab carries out. Pure.
//!
//! Found the way most versions find them, with its weakness: carriage returns are removed first, and code is what stands
//! between a line that begins with three backticks and the next line of exactly three, whatever the fence really was.
//! (GitLab, `lib/gitlab/quick_actions/extractor.rb`.)

/// What a line orders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Order {
    Close,
    Reopen,
    Label(Vec<String>),
    Unlabel(Vec<String>),
}

/// The text without its orders, and the orders.
pub(super) fn extract(body: &str) -> (String, Vec<Order>) {
    let body = body.replace('\r', "");
    let lines: Vec<&str> = body.split('\n').collect();
    let (mut kept, mut orders) = (Vec::new(), Vec::new());
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let closing = lines.iter().skip(at + 1).position(|line| *line == "```").filter(|_| line.starts_with("```"));
        if let Some(inside) = closing {
            kept.extend_from_slice(&lines[at..=at + 1 + inside]);
            at += inside + 2;
            continue;
        }
        match order(line) {
            Some(order) => orders.push(order),
            None => kept.push(*line),
        }
        at += 1;
    }
    (kept.join("\n").trim().to_owned(), orders)
}

fn order(line: &str) -> Option<Order> {
    let line = line.strip_prefix('/')?;
    let (name, argument) = line.split_once(' ').unwrap_or((line.trim_end(), ""));
    match name.to_lowercase().as_str() {
        "close" => Some(Order::Close),
        "reopen" => Some(Order::Reopen),
        "label" | "labels" => Some(Order::Label(names(argument))),
        "unlabel" | "remove_label" => Some(Order::Unlabel(names(argument))),
        _ => None,
    }
}

/// The names in `~one ~"two words"`.
fn names(argument: &str) -> Vec<String> {
    let name = |text: &str| match text.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default().to_owned(),
        None => text.split_whitespace().next().unwrap_or_default().to_owned(),
    };
    argument.split('~').skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_found_at_the_start_of_a_line_outside_code() {
        let text = "hello\n/close\n/LABEL ~a ~\"b c\"\nsee /reopen\n/usr/bin\n```\n/reopen\n```";
        let orders = vec![Order::Close, Order::Label(vec!["a".to_owned(), "b c".to_owned()])];
        assert_eq!(extract(text), ("hello\nsee /reopen\n/usr/bin\n```\n/reopen\n```".to_owned(), orders));
    }

    #[test]
    fn a_longer_fence_is_not_understood() {
        assert_eq!(extract("````text\n```\n\r/close\n````").1, [Order::Close]);
    }
}
