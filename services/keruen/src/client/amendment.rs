//! What the verbs that amend and retire master data share.

use clap::Args;
use keruen_proto::registry::v1::{DocumentRef, LocalizedText, RetirementReason};

use crate::{
    client::{
        line,
        mutation::{ListArgs, MutationArgs},
        value,
    },
    render::word,
};

/// A new name, in three languages. It takes the place of the old one in all of them.
#[derive(Args, Debug)]
pub struct NewNameArgs {
    /// New name in English
    #[arg(long = "name-en", value_name = "TEXT")]
    en: Option<String>,
    /// New name in Kazakh; without it there is none
    #[arg(long = "name-kk", value_name = "TEXT", requires = "en")]
    kk: Option<String>,
    /// New name in Russian; without it there is none
    #[arg(long = "name-ru", value_name = "TEXT", requires = "en")]
    ru: Option<String>,
}

impl NewNameArgs {
    /// The name, if one was given.
    pub fn into_name(self) -> Option<LocalizedText> {
        self.en.map(|en| LocalizedText {
            en,
            kk: self.kk.unwrap_or_default(),
            ru: self.ru.unwrap_or_default(),
        })
    }
}

/// Fields that an amendment changes: those that were given, and those to be emptied.
pub struct Fields(Vec<String>);

impl Fields {
    /// Only those to be emptied, so far.
    pub fn cleared(fields: Vec<String>) -> Self {
        Self(fields)
    }

    /// Notes a field whose new value was given.
    pub fn given<T>(&mut self, field: &str, value: Option<T>) -> Option<T> {
        if value.is_some() {
            self.0.push(field.to_owned());
        }
        value
    }

    /// Notes a list whose new entries were given.
    pub fn listed<T>(&mut self, field: &str, values: Vec<T>) -> Vec<T> {
        self.given(field, (!values.is_empty()).then_some(values))
            .unwrap_or_default()
    }

    /// All of them.
    pub fn into_names(self) -> Vec<String> {
        self.0
    }
}

/// A thing to be taken out of use.
#[derive(Args, Debug)]
pub struct RetireArgs {
    /// Its code
    #[arg(required_unless_present = "json")]
    id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<RetirementReason>())]
    reason: Option<RetirementReason>,
    /// First day on which new commands refuse it. Default: the day on which it happened
    #[arg(long = "on", value_name = "DAY", value_parser = value::date)]
    retired_on: Option<String>,
    /// Code of what to use instead
    #[arg(long, value_name = "CODE")]
    successor: Option<String>,
    /// What it rests on: kind=…,number=…[,date=DAY]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    /// The options of all commands.
    #[command(flatten)]
    pub mutation: MutationArgs,
}

/// What [`RetireArgs`] say.
#[derive(Debug)]
pub struct Retired {
    /// Its code.
    pub id: String,
    /// A `RetirementReason`.
    pub reason: i32,
    /// First day, or empty.
    pub first_day: String,
    /// What to use instead, or empty.
    pub successor_id: String,
    /// What it rests on.
    pub documents: Vec<DocumentRef>,
}

impl RetireArgs {
    /// The options of all commands, and what is retired.
    pub fn into_parts(self) -> (MutationArgs, Retired) {
        let retired = Retired {
            id: self.id.unwrap_or_default(),
            reason: self.reason.map_or(0, Into::into),
            first_day: self.retired_on.unwrap_or_default(),
            successor_id: self.successor.unwrap_or_default(),
            documents: self.documents,
        };
        (self.mutation, retired)
    }
}

/// The options of lists of master data.
#[derive(Args, Debug)]
pub struct RegistryListArgs {
    /// List also what is retired
    #[arg(long)]
    pub retired: bool,
    /// The options of all lists.
    #[command(flatten)]
    pub list: ListArgs,
}
