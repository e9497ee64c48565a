//! How rows of lists are chosen and ordered, explained.

use std::fmt::Write as _;

use clap::Args as ClapArgs;
use keruen_projections::{ListedField, filtered_lists};

use crate::client::{failure::Failure, session::Session};

const SYNTAX: &str = "\
Examples:
  keruen filter
  keruen stock --filter 'region = KZ-39 AND available > 0'
  keruen stock --by item --order-by 'available desc'
  keruen request list --filter 'priority >= URGENT AND NOT state = FILED'
  keruen request list --filter 'needed_by:* AND needed_by < 2027-01-01'
  keruen shipment list --filter 'late = true OR discrepancy = true'
  keruen shipment list --filter 'origin_region = KZ-75' --order-by expected_on
  keruen donation list --filter 'expected_on >= 2026-12-01'
  keruen asset list --filter 'NOT condition = IN_SERVICE'
  keruen report exceptions --filter 'recorded_at > \"2026-12-01T00:00:00+05:00\"'

A filter is made of conditions: a field, how it is compared, and a value.
  = !=         is, is not
  < <= > >=    of days, times and numbers, and of words that have an order
  :            has: of several codes; field:* asks whether there is any value
Conditions are joined by AND, OR and NOT, in capitals. OR binds closer than AND:
  a = 1 AND b = 2 OR b = 3    is    a = 1 AND (b = 2 OR b = 3)
A value with blanks or any of ( ) , : = < > ! stands in double quotes, so times
do. Days are as 2026-12-31. Words of closed lists may be in small letters.
Conditions on sums are joined to all others by AND. A field may be written as
its column is headed, too: facility_id for facility. Minor units are the least
of a currency, with their sign: 15000 are 150.00 USD. Name the currency, too.

An order is one to four fields with commas between, each with asc or desc.
What has no day comes last, up or down. Stock is ordered by sums and what it is
grouped by.
";

/// Columns of a line of the fields, where it can be kept.
const WIDTH: usize = 78;

/// The verb of each list that takes a filter, by its RPC.
const VERBS: &[(&str, &str)] = &[
    ("ListStock", "stock"),
    ("ListRequests", "request list"),
    ("ListShipments", "shipment list"),
    ("ListDonations", "donation list"),
    ("ListAssets", "asset list"),
    ("ListUnmetNeeds", "report unmet"),
    ("ListExpiringStock", "report expiring"),
    ("ListReorders", "report reorder"),
    ("ListAuditExceptions", "report exceptions"),
];

/// `keruen filter`.
#[derive(ClapArgs, Debug)]
#[command(after_help = topic())]
pub struct Args {}

/// Explains it.
pub fn explain(session: &Session) -> Result<(), Failure> {
    let mut output = session.output();
    output.line(topic().trim_end())?;
    Ok(output.flush()?)
}

/// Syntax, examples, and the fields of each list.
fn topic() -> String {
    let mut text = SYNTAX.to_owned();
    for (rpc, fields) in filtered_lists() {
        let known = VERBS.iter().find(|(name, _)| *name == rpc);
        let verb = known.map_or(rpc, |(_, verb)| verb);
        // Writing to a string can't fail.
        let _ = writeln!(text, "\nFields of {verb}:");
        let longest = fields.iter().map(|field| field.name.len()).max();
        for field in &fields {
            text.push_str(&line(field, longest.unwrap_or_default()));
        }
    }
    text
}

/// A field; its words on lines of their own.
fn line(field: &ListedField, longest: usize) -> String {
    let ListedField { name, holds, .. } = field;
    let signs = field.signs.join(" ");
    let mut line = format!("  {name:<longest$}  {signs:<16}  {holds}");
    if !field.is_orderable {
        line.push_str("; not in --order-by");
    }
    line.push('\n');
    line.push_str(&wrapped(&field.words));
    line
}

/// Words with commas between, on as many lines as they take.
fn wrapped(words: &[&str]) -> String {
    let mut text = String::new();
    let mut column = WIDTH;
    for (index, word) in words.iter().enumerate() {
        let end = if index + 1 < words.len() { "," } else { "\n" };
        if column + word.len() + 2 > WIDTH {
            text.push_str(if text.is_empty() { "     " } else { "\n     " });
            column = 5;
        }
        column += word.len() + 2;
        // Writing to a string can't fail.
        let _ = write!(text, " {word}{end}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Cli, client::rpc::METHODS};

    #[test]
    fn each_list_that_takes_a_filter_is_explained_by_its_verb() {
        let lists = filtered_lists();
        assert_eq!(lists.len(), VERBS.len());
        for (rpc, fields) in lists {
            let (_, verb) = VERBS.iter().find(|(name, _)| *name == rpc).unwrap();
            let method = METHODS.iter().find(|method| method.verb == *verb).unwrap();
            assert!(method.name.ends_with(&format!("/{rpc}")), "{}", method.name);
            let topic = topic();
            let told = topic.split(&format!("Fields of {verb}:")).nth(1).unwrap();
            let words = verb.split(' ');
            let command = words.fold(Cli::definition(), |command, word| {
                let found = command.find_subcommand(word);
                found.unwrap().clone()
            });
            let help = command.get_after_help().unwrap().to_string();
            for field in fields {
                assert!(told.contains(&format!(
                    "
  {} ",
                    field.name
                )));
                // The help of the verb names them too.
                assert!(help.contains(field.name), "{verb}: {}", field.name);
            }
        }
    }

    #[test]
    fn every_line_fits_80_columns() {
        for line in topic().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
