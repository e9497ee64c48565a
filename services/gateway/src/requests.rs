//! Requests that are still open.

use keruen_proto::{
    requests::v1::{Request, RequestLine, RequestPriority, RequestState},
    stock::v1::RequestRow,
};

use crate::{
    format::{self, Moment},
    page::Words,
    snapshot::LINES_SHOWN,
};

/// What the part with the requests shows.
#[derive(Debug)]
pub struct RequestsView {
    /// The most urgent and then the oldest first.
    pub rows: Vec<RequestView>,
    /// How many there are.
    pub count: String,
    /// How many of them are not shown; empty where all are.
    pub rest: String,
    /// Whether there are more than were counted.
    pub more: bool,
}

/// One request.
#[derive(Debug)]
pub struct RequestView {
    /// Its id.
    pub request_id: String,
    /// How urgent it is.
    pub priority: &'static str,
    /// Colour of the priority, as a class of the style sheet.
    pub class: &'static str,
    /// Where it stands.
    pub state: &'static str,
    /// Who needs it.
    pub facility: String,
    /// In which region.
    pub region: String,
    /// Since when.
    pub filed_at: Option<Moment>,
    /// Until when.
    pub needed_by: Option<Moment>,
    /// What is needed.
    pub lines: Vec<LineView>,
    /// How many lines are not shown; empty where all are.
    pub lines_rest: String,
    /// Rows of the table that the request takes.
    pub height: usize,
}

/// One line of a request.
#[derive(Debug)]
pub struct LineView {
    /// What is needed.
    pub goods: String,
    /// How many.
    pub asked: String,
    /// How many of those were approved; none until it is decided.
    pub approved: Option<String>,
    /// How many of those shipments have been allocated.
    pub allocated: String,
    /// How many have been received.
    pub received: String,
}

impl RequestsView {
    /// Puts the snapshot's requests into words.
    pub fn of(words: Words<'_>) -> Self {
        let snapshot = words.snapshot;
        let rows: Vec<RequestView> = snapshot
            .shown_requests()
            .map(|(row, request)| request_view(words, row, request))
            .collect();
        let rest = snapshot.open_requests - snapshot.requests.len();
        Self {
            rows,
            count: words.count(snapshot.open_requests),
            rest: if rest > 0 {
                words.count(rest)
            } else {
                String::new()
            },
            more: snapshot.more_requests,
        }
    }
}

fn request_view(words: Words<'_>, row: &RequestRow, request: &Request) -> RequestView {
    let decided = !matches!(
        request.state(),
        RequestState::Filed | RequestState::Acknowledged
    );
    let lines: Vec<LineView> = request
        .lines
        .iter()
        .take(LINES_SHOWN)
        .map(|line| line_view(words, line, decided))
        .collect();
    let hidden = request.lines.len() - lines.len();
    RequestView {
        request_id: request.request_id.clone(),
        priority: words.t.priority(request.priority()),
        class: class(request.priority()),
        state: words.t.request_state(request.state()),
        facility: words.text(row.facility_name.as_ref(), &request.facility_id),
        region: words.region(&row.region_id),
        filed_at: format::occurred_at(words.lang, row.filed_at.as_ref()),
        needed_by: format::date(words.lang, &request.needed_by),
        height: lines.len() + usize::from(hidden > 0),
        lines,
        lines_rest: if hidden > 0 {
            words.count(hidden)
        } else {
            String::new()
        },
    }
}

fn line_view(words: Words<'_>, line: &RequestLine, decided: bool) -> LineView {
    LineView {
        goods: goods(words, line),
        asked: asked(words, line),
        approved: decided.then(|| words.number(line.approved)),
        allocated: words.number(line.allocated),
        received: words.number(line.received),
    }
}

/// What is needed: goods, or, where nobody has said yet what meets it, the need.
fn goods(words: Words<'_>, line: &RequestLine) -> String {
    match &line.need {
        Some(need) if line.commodity_id.is_empty() => format!(
            "{} · {}: {}",
            words.t.need(need.kind()),
            words.t.patients,
            words.number(need.patients)
        ),
        _ => words.goods(&line.commodity_id, &line.item_id),
    }
}

/// How many are needed; empty where a need leaves that open.
fn asked(words: Words<'_>, line: &RequestLine) -> String {
    if line.requested == 0 && line.need.is_some() {
        return String::new();
    }
    words.number(line.requested)
}

/// Colour of a priority, as a class of the style sheet.
fn class(priority: RequestPriority) -> &'static str {
    match priority {
        RequestPriority::Stat => "stat",
        RequestPriority::Asap => "asap",
        RequestPriority::Urgent => "urgent",
        RequestPriority::Routine | RequestPriority::Unspecified => "routine",
    }
}
