//! Distribution plans.

use clap::{Args, Subcommand};
use keruen_proto::{
    requests::v1::{
        ApprovePlanRequest, CancelPlanRequest, DraftPlanRequest, GetPlanRequest,
        PlanCancellationReason, PlanCriterion, PlanLine, PlanShare, PlanState, PlanWeight,
    },
    stock::v1::ListPlansRequest,
};

use crate::{
    client::{
        failure::Failure,
        line,
        mutation::{ListArgs, MutationArgs},
        session::Session,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Draft a plan: share what one facility has over others
    #[command(after_help = "\
Examples:
  keruen plan draft --id P-TESTS --from WH-ALA --line item=TEST-A,quantity=900 \\
      --weight HOSP-JEZ=90000 --weight HOSP-BAL=79000
  keruen plan draft --from WH-ALA --line item=TEST-A,quantity=1000 \\
      --request R-JEZ-1 --request R-BAL-1
  keruen plan draft --from WH-ALA --line item=TEST-A,quantity=1000 \\
      --share facility=HOSP-JEZ,quantity=600 \\
      --share facility=HOSP-BAL,quantity=400,request=R-BAL-1

Goods are shared pro rata to weights such as how many people each hospital serves; or pro rata \
to what approved requests still need, those of an emergency first; or as stated. Whole units are \
given by the largest remainder, so that everything is given out and nobody is further than one \
unit from their share. A share is facility=CODE,quantity=N and, where they apply, line=N, \
request=ID, request-line=N (default 1).")]
    Draft(Draft),
    /// Approve a plan: its shipments are requested
    #[command(after_help = "\
Examples:
  keruen plan approve P-TESTS")]
    Approve(Approve),
    /// Drop a plan that is not approved
    #[command(after_help = "\
Examples:
  keruen plan cancel P-TESTS --reason replaced")]
    Cancel(Cancel),
    /// Show a plan against what was delivered of it
    #[command(after_help = "\
Examples:
  keruen plan get P-TESTS
  keruen plan get P-TESTS --format json")]
    Get {
        /// Its id
        plan_id: String,
    },
    /// List plans, newest first
    #[command(after_help = "\
Examples:
  keruen plan list --state drafted
  keruen plan list --from WH-ALA --facility HOSP-JEZ --format csv")]
    List {
        /// Only of what goes from this facility
        #[arg(long, value_name = "CODE")]
        from: Option<String>,
        /// Only with a share for this facility
        #[arg(long, value_name = "CODE")]
        facility: Option<String>,
        /// Only in this state; repeatable
        #[arg(long = "state", value_name = "STATE", value_parser = word::parser::<PlanState>())]
        states: Vec<PlanState>,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// A draft.
#[derive(Args, Debug)]
pub struct Draft {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Facility from which everything goes
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    from: Option<String>,
    /// What is shared: item=CODE,quantity=N; repeatable
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::plan)]
    lines: Vec<PlanLine>,
    /// How much a facility counts: CODE=NUMBER; repeatable
    #[arg(long = "weight", value_name = "WEIGHT", value_parser = line::weight, conflicts_with_all = ["requests", "shares"])]
    weights: Vec<PlanWeight>,
    /// An approved request whose need counts; repeatable
    #[arg(long = "request", value_name = "ID", conflicts_with = "shares")]
    requests: Vec<String>,
    /// A share as stated; repeatable. See below
    #[arg(long = "share", value_name = "SHARE", value_parser = line::share)]
    shares: Vec<PlanShare>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An approval.
#[derive(Args, Debug)]
pub struct Approve {
    /// The plan
    #[arg(required_unless_present = "json")]
    plan_id: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// An end.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The plan
    #[arg(required_unless_present = "json")]
    plan_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<PlanCancellationReason>())]
    reason: Option<PlanCancellationReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Draft {
    fn criterion(&self) -> PlanCriterion {
        if !self.weights.is_empty() {
            PlanCriterion::Population
        } else if !self.requests.is_empty() {
            PlanCriterion::Requests
        } else {
            PlanCriterion::Explicit
        }
    }
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Draft(args) => {
                let request = DraftPlanRequest {
                    criterion: args.criterion().into(),
                    plan_id: args.id.unwrap_or_default(),
                    origin_id: args.from.unwrap_or_default(),
                    lines: args.lines,
                    weights: args.weights,
                    request_ids: args.requests,
                    shares: args.shares,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Approve(args) => {
                let request = ApprovePlanRequest {
                    plan_id: args.plan_id.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Cancel(args) => {
                let request = CancelPlanRequest {
                    plan_id: args.plan_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { plan_id } => session.show(GetPlanRequest { plan_id }).await,
            Self::List {
                from,
                facility,
                states,
                list,
            } => {
                let request = ListPlansRequest {
                    origin_id: from.unwrap_or_default(),
                    facility_id: facility.unwrap_or_default(),
                    states: states.into_iter().map(Into::into).collect(),
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
