//! The text of a filter, after AIP-160: what it says, and where in the text.

use std::fmt;

/// The longest filter, in characters.
pub const MAX_CHARACTERS: usize = 2_000;
/// The most conditions of a filter, and how deep they may stand in parentheses and after NOT.
pub const MAX_CONDITIONS: usize = 64;
const MAX_DEPTH: usize = 32;

/// What a filter says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// All of these hold.
    All(Vec<Expression>),
    /// Any of these holds.
    Any(Vec<Expression>),
    /// This does not hold.
    Not(Box<Expression>),
    /// One condition.
    Is(Restriction),
}

/// A condition: a field, how it is compared, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// Name of the field, as written.
    pub field: String,
    /// How it is compared.
    pub comparator: Comparator,
    /// With what.
    pub operand: Operand,
    /// Where in the text the field stands, in characters from 1.
    pub field_at: usize,
    /// Where the operand stands.
    pub operand_at: usize,
}

/// How a field is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `:`
    Has,
}

impl Comparator {
    /// As it is written.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }
}

/// With what a field is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `*`: with anything at all.
    Anything,
    /// A value, without its quotes.
    Value(String),
}

/// What is wrong with a text, and where: in characters from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// Where.
    pub at: usize,
    /// The rule that it breaks, and what was found.
    pub rule: String,
}

fn malformed<T>(at: usize, rule: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed {
        at,
        rule: rule.into(),
    })
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Open,
    Close,
    Compares(Comparator),
    /// Without quotes.
    Bare(String),
    /// With quotes, which are taken off.
    Quoted(String),
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => f.write_str("\"(\""),
            Self::Close => f.write_str("\")\""),
            Self::Compares(comparator) => write!(f, "\"{}\"", comparator.sign()),
            Self::Bare(text) | Self::Quoted(text) => {
                write!(f, "{:?}", text.chars().take(80).collect::<String>())
            }
        }
    }
}

/// Reads a filter; `None` where it says nothing.
pub fn parse(text: &str) -> Result<Option<Expression>, Malformed> {
    if text.chars().count() > MAX_CHARACTERS {
        return malformed(
            MAX_CHARACTERS + 1,
            format!("must have at most {MAX_CHARACTERS} characters"),
        );
    }
    // No code and no label has any, and not every database takes them.
    if let Some(place) = text.chars().position(char::is_control) {
        return malformed(place + 1, "must not contain control characters".to_owned());
    }
    let tokens = tokens(text)?;
    if tokens.is_empty() {
        return Ok(None);
    }
    let end = text.chars().count() + 1;
    let mut parser = Parser {
        tokens: tokens.into_iter().collect(),
        next: 0,
        end,
        conditions: 0,
        depth: 0,
    };
    let expression = parser.expression()?;
    match parser.peek() {
        None => Ok(Some(expression)),
        Some((at, token)) => malformed(at, format!("found {token}, which nothing opened")),
    }
}

fn is_bare(character: char) -> bool {
    !character.is_whitespace() && !"()\"'<>=!:,".contains(character)
}

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Malformed> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().zip(1..).peekable();
    while let Some((character, at)) = rest.next() {
        let mut follows_equal = || rest.next_if(|(next, _)| *next == '=').is_some();
        let token = match character {
            _ if character.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ':' => Token::Compares(Comparator::Has),
            '=' => Token::Compares(Comparator::Equal),
            '<' if follows_equal() => Token::Compares(Comparator::LessOrEqual),
            '<' => Token::Compares(Comparator::Less),
            '>' if follows_equal() => Token::Compares(Comparator::GreaterOrEqual),
            '>' => Token::Compares(Comparator::Greater),
            '!' if follows_equal() => Token::Compares(Comparator::NotEqual),
            '!' => {
                return malformed(
                    at,
                    "found \"!\" alone; write NOT, or != between field and value",
                );
            }
            ',' => return malformed(at, "found \",\"; join conditions with AND or OR"),
            '"' | '\'' => {
                let mut value = String::new();
                loop {
                    match rest.next() {
                        None => return malformed(at, "this quote is not closed"),
                        Some((next, _)) if next == character => break,
                        Some(('\\', escape_at)) => match rest.next() {
                            Some((next @ ('\\' | '"' | '\''), _)) => value.push(next),
                            _ => {
                                return malformed(
                                    escape_at,
                                    "a backslash stands before a quote or another one only",
                                );
                            }
                        },
                        Some((next, _)) => value.push(next),
                    }
                }
                Token::Quoted(value)
            }
            _ => {
                let mut word = String::from(character);
                while let Some((next, _)) = rest.next_if(|(next, _)| is_bare(*next)) {
                    word.push(next);
                }
                Token::Bare(word)
            }
        };
        tokens.push((at, token));
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    next: usize,
    /// Where the text ends.
    end: usize,
    conditions: usize,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<(usize, &Token)> {
        self.tokens.get(self.next).map(|(at, token)| (*at, token))
    }

    fn take(&mut self) -> Option<(usize, Token)> {
        let taken = self.tokens.get(self.next).cloned();
        self.next += 1;
        taken
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some((_, Token::Bare(found))) if found == word);
        self.next += usize::from(found);
        found
    }

    /// Whether another condition begins here.
    fn goes_on(&self) -> bool {
        match self.peek() {
            None | Some((_, Token::Close)) => false,
            Some((_, Token::Bare(word))) => word != "AND",
            Some(_) => true,
        }
    }

    /// Conditions that all hold, with AND or nothing between them.
    fn expression(&mut self) -> Result<Expression, Malformed> {
        let mut all = vec![self.factor()?];
        while self.takes_word("AND") || self.goes_on() {
            all.push(self.factor()?);
        }
        Ok(one_or(all, Expression::All))
    }

    /// Conditions of which one holds. OR binds closer than AND.
    fn factor(&mut self) -> Result<Expression, Malformed> {
        let mut any = vec![self.term()?];
        while self.takes_word("OR") {
            any.push(self.term()?);
        }
        Ok(one_or(any, Expression::Any))
    }

    fn term(&mut self) -> Result<Expression, Malformed> {
        let at = self.peek().map_or(self.end, |(at, _)| at);
        if self.depth == MAX_DEPTH {
            return malformed(at, format!("stands deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let term = self.nested_term();
        self.depth -= 1;
        term
    }

    fn nested_term(&mut self) -> Result<Expression, Malformed> {
        if self.takes_word("NOT") {
            return Ok(Expression::Not(Box::new(self.term()?)));
        }
        match self.take() {
            Some((at, Token::Open)) => {
                let inner = self.expression()?;
                match self.take() {
                    Some((_, Token::Close)) => Ok(inner),
                    _ => malformed(at, "this parenthesis is not closed"),
                }
            }
            Some((at, Token::Bare(word))) if word.starts_with('-') && word.len() > 1 => {
                let field = word[1..].to_owned();
                let restriction = self.restriction(at + 1, field)?;
                Ok(Expression::Not(Box::new(restriction)))
            }
            Some((at, Token::Bare(word))) => self.restriction(at, word),
            Some((at, token)) => malformed(at, format!("expected a field, found {token}")),
            None => malformed(self.end, "expected a condition, found the end"),
        }
    }

    fn restriction(&mut self, field_at: usize, field: String) -> Result<Expression, Malformed> {
        if matches!(field.as_str(), "AND" | "OR") {
            return malformed(field_at, format!("expected a condition, found {field}"));
        }
        let comparator = match self.take() {
            Some((_, Token::Compares(comparator))) => comparator,
            _ if matches!(field.as_str(), "and" | "or" | "not") => {
                let word = field.to_ascii_uppercase();
                return malformed(field_at, format!("found {field:?}; write {word}"));
            }
            _ => {
                let rule = format!(
                    "{field:?} is compared with nothing; write it as FIELD = VALUE, with =, !=, <, <=, >, >= or :"
                );
                return malformed(field_at, rule);
            }
        };
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return malformed(
                field_at,
                format!("there are more than {MAX_CONDITIONS} conditions"),
            );
        }
        let (operand_at, operand) = match self.take() {
            Some((at, Token::Bare(word))) if word == "*" => (at, Operand::Anything),
            Some((at, Token::Bare(value))) if !matches!(value.as_str(), "AND" | "OR" | "NOT") => {
                (at, Operand::Value(value))
            }
            Some((at, Token::Quoted(value))) => (at, Operand::Value(value)),
            Some((at, Token::Open)) => {
                return malformed(at, "one value is expected; write FIELD = A OR FIELD = B");
            }
            Some((at, token)) => {
                return malformed(at, format!("expected a value, found {token}"));
            }
            None => return malformed(self.end, "expected a value, found the end"),
        };
        // A time has colons.
        if let Some((at, Token::Compares(_))) = self.peek() {
            return malformed(
                at,
                "a value with such signs in it needs double quotes around it",
            );
        }
        Ok(Expression::Is(Restriction {
            field,
            comparator,
            operand,
            field_at,
            operand_at,
        }))
    }
}

fn one_or(mut parts: Vec<Expression>, many: fn(Vec<Expression>) -> Expression) -> Expression {
    match parts.len() {
        1 => parts.remove(0),
        _ => many(parts),
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Self::All(_) | Self::Any(_) => write!(f, "({part})")?,
                    Self::Not(_) | Self::Is(_) => write!(f, "{part}")?,
                }
            }
            Ok(())
        };
        match self {
            Self::All(parts) => joined(f, parts, "AND"),
            Self::Any(parts) => joined(f, parts, "OR"),
            Self::Not(part) => match &**part {
                Self::All(_) | Self::Any(_) => write!(f, "NOT ({part})"),
                Self::Not(_) | Self::Is(_) => write!(f, "NOT {part}"),
            },
            Self::Is(it) => {
                write!(f, "{} {} ", it.field, it.comparator.sign())?;
                match &it.operand {
                    Operand::Anything => f.write_str("*"),
                    Operand::Value(value) => {
                        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
                        write!(f, "\"{escaped}\"")
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Without where anything stood.
    fn bare(expression: &Expression) -> Expression {
        let all = |parts: &[Expression]| parts.iter().map(bare).collect();
        match expression {
            Expression::All(parts) => Expression::All(all(parts)),
            Expression::Any(parts) => Expression::Any(all(parts)),
            Expression::Not(part) => Expression::Not(Box::new(bare(part))),
            Expression::Is(it) => Expression::Is(Restriction {
                field_at: 0,
                operand_at: 0,
                ..it.clone()
            }),
        }
    }

    fn condition() -> impl Strategy<Value = Expression> {
        let comparator = prop::sample::select(vec![
            Comparator::Equal,
            Comparator::NotEqual,
            Comparator::Less,
            Comparator::LessOrEqual,
            Comparator::Greater,
            Comparator::GreaterOrEqual,
            Comparator::Has,
        ]);
        let operand = prop_oneof![
            1 => Just(Operand::Anything),
            6 => any::<String>().prop_map(Operand::Value),
            2 => prop::sample::select(vec!["*", "AND", "\\\"", "-5", "KZ-39", "2026-12-01"])
                .prop_map(|text| Operand::Value(text.to_owned())),
        ];
        ("[a-z][a-z_]{0,8}", comparator, operand).prop_map(|(field, comparator, operand)| {
            Expression::Is(Restriction {
                field,
                comparator,
                operand,
                field_at: 0,
                operand_at: 0,
            })
        })
    }

    fn expressions() -> impl Strategy<Value = Expression> {
        condition().prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::All),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Expression::Any),
                inner.prop_map(|inner| Expression::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_the_same(expression in expressions()) {
            let text = expression.to_string();
            match parse(&text) {
                Ok(read) => prop_assert_eq!(read.as_ref().map(bare), Some(expression), "{}", text),
                Err(refused) => prop_assert!(text.chars().count() > MAX_CHARACTERS, "{refused:?} in {text}"),
            }
        }

        #[test]
        fn any_text_is_read_or_refused_where_it_breaks_a_rule(
            text in prop_oneof![any::<String>(), "[a-c =!<>:()\"'\\\\ANDORT,*-]{0,40}"]
        ) {
            match parse(&text) {
                Ok(Some(read)) => {
                    let again = parse(&read.to_string()).unwrap().unwrap();
                    prop_assert_eq!(bare(&again), bare(&read));
                }
                Ok(None) => prop_assert!(text.trim().is_empty()),
                Err(refused) => {
                    prop_assert!((1..=text.chars().count() + 1).contains(&refused.at), "{refused:?}");
                }
            }
        }
    }

    fn read(text: &str) -> String {
        parse(text).unwrap().unwrap().to_string()
    }

    #[test]
    fn or_binds_closer_than_and_as_in_the_standard() {
        let cases = [
            (
                "a=1 AND b=2 OR c=3",
                "a = \"1\" AND (b = \"2\" OR c = \"3\")",
            ),
            ("a=1 b=2 OR c=3", "a = \"1\" AND (b = \"2\" OR c = \"3\")"),
            (
                "(a=1 AND b=2) OR c=3",
                "(a = \"1\" AND b = \"2\") OR c = \"3\"",
            ),
            ("NOT a=1 AND -b:*", "NOT a = \"1\" AND NOT b : *"),
            (
                "NOT (a>=-5 OR b!='x\\'y')",
                "NOT (a >= \"-5\" OR b != \"x'y\")",
            ),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let cases = [
            ("region", 1, "compared with nothing"),
            ("a = 1 and b = 2", 7, "write AND"),
            ("a = ", 5, "found the end"),
            ("a = (1 OR 2)", 5, "one value"),
            ("(a = 1", 1, "not closed"),
            ("a = 1)", 6, "nothing opened"),
            ("a = \"1", 5, "not closed"),
            ("a ! 1", 3, "NOT"),
            ("a = 2026-01-01T10:00:00Z", 18, "double quotes"),
            ("AND a = 1", 1, "expected a condition"),
            ("a = 1 OR", 9, "found the end"),
            ("a = OR", 5, "expected a value"),
            ("№ = 1, b = 2", 6, "join conditions"),
        ];
        for (text, at, rule) in cases {
            let refused = parse(text).unwrap_err();
            assert_eq!(refused.at, at, "{text}: {refused:?}");
            assert!(refused.rule.contains(rule), "{text}: {refused:?}");
        }
        let deep = format!("{}a=1{}", "(".repeat(33), ")".repeat(33));
        assert!(parse(&deep).unwrap_err().rule.contains("levels"));
        let many = "a=1 ".repeat(MAX_CONDITIONS + 1);
        assert!(parse(&many).unwrap_err().rule.contains("conditions"));
        let long = format!("a=\"{}\"", "x".repeat(MAX_CHARACTERS));
        assert!(parse(&long).unwrap_err().rule.contains("characters"));
    }
}
