//! Statements for donors and organisations.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args as ClapArgs;
use keruen_proto::reports::v1::{GetStatementRequest, get_statement_request::Party};

use crate::{
    client::{failure::Failure, session::Session, session::tell_of_more, value},
    render::statement,
};

const PAGE_SIZE: i32 = 1_000;
const USUAL_UNREPORTED_DAYS: i32 = 30;

/// Which statement.
#[derive(ClapArgs, Debug)]
pub struct Statement {
    /// Of all that this donor gave, whoever owns it now
    #[arg(long, value_name = "CODE", required_unless_present = "owner")]
    donor: Option<String>,
    /// Of all that this organisation owned
    #[arg(long, value_name = "CODE", conflicts_with = "donor")]
    owner: Option<String>,
    /// Only of this donation
    #[arg(long, value_name = "ID")]
    donation: Option<String>,
    /// First day. Default: the beginning
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    from: Option<String>,
    /// Last day. Default: that on which the position was recorded
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    until: Option<String>,
    /// As it was known at this position. Default: now
    #[arg(long, value_name = "POSITION", value_parser = value::event_position)]
    at: Option<u64>,
    /// Also tell what it said at this position, that of an earlier statement
    #[arg(long, value_name = "POSITION", value_parser = value::event_position)]
    since: Option<u64>,
    /// Only what has changed since then
    #[arg(long, requires = "since")]
    changed_only: bool,
    /// After how many days without a report use counts as unreported
    #[arg(long, value_name = "DAYS", default_value_t = USUAL_UNREPORTED_DAYS, value_parser = value::span)]
    unreported_days: i32,
    /// Write all of it as a page that can be printed to this file; with --format, also print it in that format
    #[arg(long, value_name = "FILE.html", conflicts_with = "limit")]
    page: Option<PathBuf>,
    /// How many rows at most; a page has all of them
    #[arg(long, value_name = "ROWS", default_value_t = 10_000, value_parser = value::limit)]
    limit: usize,
}

impl Statement {
    /// Prints it, writes its page, or both.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let party = match (self.donor, self.owner) {
            (Some(donor_id), _) => Some(Party::DonorId(donor_id)),
            (None, owner_id) => owner_id.map(Party::OwnerId),
        };
        let mut question = GetStatementRequest {
            party,
            donation_id: self.donation.unwrap_or_default(),
            first_day: self.from.unwrap_or_default(),
            last_day: self.until.unwrap_or_default(),
            at_position: self.at.unwrap_or_default(),
            since_position: self.since.unwrap_or_default(),
            changed_only: self.changed_only,
            unreported_after_days: self.unreported_days,
            page_size: PAGE_SIZE,
            page_token: String::new(),
        };
        let mut statement = session.ask(question.clone()).await?;
        let mut token = std::mem::take(&mut statement.next_page_token);
        // All pages tell what the first one does.
        question.at_position = statement.position;
        // A page that can be printed is never a part of one.
        let limit = self.page.as_ref().map_or(self.limit, |_| usize::MAX);
        while !token.is_empty() && statement.rows.len() < limit {
            question.page_token = token;
            let page = session.ask(question.clone()).await?;
            statement.rows.extend(page.rows);
            token = page.next_page_token;
        }
        let more = !token.is_empty() || statement.rows.len() > limit;
        statement.rows.truncate(limit);
        if let Some(path) = &self.page {
            let page = statement::page(&statement, self.since, &again(&question))
                .map_err(|error| Failure::Other(error.into()))?;
            std::fs::write(path, page)
                .with_context(|| format!("--page {} can't be written", path.display()))?;
        }
        if self.page.is_none() || session.stated_format().is_some() {
            session.output().listed(&statement.rows)?;
        }
        anstream::eprintln!(
            "as known at position {}, until {}; to get it again: {}",
            statement.position,
            statement.last_day,
            again(&question)
        );
        tell_of_more(more, self.limit);
        Ok(())
    }
}

/// The command that gets the same statement again, whenever it is called.
fn again(question: &GetStatementRequest) -> String {
    let mut words = vec!["keruen report statement".to_owned()];
    let mut add =
        |option: &str, value: &dyn ToString| words.push(format!("{option} {}", value.to_string()));
    match &question.party {
        Some(Party::DonorId(id)) => add("--donor", id),
        Some(Party::OwnerId(id)) => add("--owner", id),
        None => {}
    }
    for (option, text) in [
        ("--donation", &question.donation_id),
        ("--from", &question.first_day),
        ("--until", &question.last_day),
    ] {
        if !text.is_empty() {
            add(option, text);
        }
    }
    add("--at", &question.at_position);
    if question.since_position > 0 {
        add("--since", &question.since_position);
    }
    if question.unreported_after_days != USUAL_UNREPORTED_DAYS {
        add("--unreported-days", &question.unreported_after_days);
    }
    if question.changed_only {
        words.push("--changed-only".to_owned());
    }
    words.join(" ")
}
