//! Shipments.

use clap::{Args, Subcommand};
use keruen_proto::{
    inventory::v1::{FitOverride, FitOverrideReason},
    registry::v1::DocumentRef,
    shipments::v1::{
        AcceptLossActRequest, AllocateShipmentRequest, CancelShipmentRequest, CancellationReason,
        CustodyBasis, DispatchShipmentRequest, GetShipmentRequest, LossVerdict,
        ReceiveShipmentRequest, RequestShipmentRequest, ReserveOverride, ReserveOverrideReason,
        SealCheck, ShipmentLine, ShipmentPick, ShipmentReceiptLine, ShipmentState,
    },
    stock::v1::ListShipmentsRequest,
};

use crate::{
    client::{
        asset::FitArgs,
        custody::AnsweredFor,
        failure::Failure,
        journey, line,
        mutation::{ListArgs, MutationArgs, TermsArgs},
        print::Print,
        session::Session,
        value,
    },
    render::word,
};

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Ask for goods to be moved, for a request or by plan
    #[command(after_help = "\
Examples:
  keruen shipment request --from WH-ALA --to HOSP-JEZ --id S-JEZ-1 \\
      --line item=O2-CONC-5L,quantity=4,request=R-JEZ-1
  keruen shipment request --from WH-ALA --to HOSP-JEZ \\
      --line item=TEST-RAPID-A,quantity=500,owner=MOH,min-life=60

A line is item=CODE,quantity=N and, where they apply, pack=CODE, request=ID, request-line=N (default 1), owner=CODE, \
min-life=DAYS for which units must still be usable when they arrive.")]
    Request(RequestShipment),
    /// Claim stock at the origin, first expired first out
    #[command(after_help = "\
Examples:
  keruen shipment allocate S-JEZ-1
  keruen shipment allocate S-JEZ-1 --allow-partial
  keruen shipment allocate S-JEZ-1 --arrives-on 2030-01-31
  keruen shipment allocate S-JEZ-1 --reserve-override-by person:7 \\
      --reserve-override-reason life-at-risk")]
    Allocate(Allocate),
    /// Record that a shipment left; its custodian is liable from then on
    #[command(after_help = "\
Examples:
  keruen shipment dispatch S-JEZ-1 --custodian VOLUNTEERS \\
      --signed-by person:DUTY-17 --expected-on 2030-01-31 \\
      --document kind=waybill,number=W-12
  keruen shipment dispatch S-LAB-1 --custodian VOLUNTEERS \\
      --fit-override-by person:7 --fit-override-reason adapter
  keruen shipment dispatch S-JEZ-9 --custodian VOLUNTEERS --already-dispatched \\
      --unit line=1,batch=B-17,quantity=40 \\
      --occurred-at 2021-03-05T09:00:00+05:00

What is inside the equipment that it brings goes along, and must fit its destination too. What has left without an \
allocation is recorded with --already-dispatched, whatever the books say. A unit is line=N and, where they apply, batch=ID \
(default: what expires first), owner=CODE, quantity=N (default all), serial=NUMBER (repeatable).")]
    Dispatch(Dispatch),
    #[command(flatten)]
    Journey(journey::Verb),
    /// Record what was found on receipt, all of it or line by line
    #[command(after_help = "\
Examples:
  keruen shipment receive S-JEZ-1 --signed-by person:NURSE-4
  keruen shipment receive S-JEZ-1 --line line=1,quantity=498 \\
      --line line=1,quantity=2,outcome=missing
  keruen shipment receive S-JEZ-1 --line line=1,serial=SN-1 \\
      --line line=1,serial=SN-2,outcome=damaged
  keruen shipment receive S-JEZ-1 --seal 346012340000000182=parcel-missing

Without --line everything that is on its way was received in good condition. A line is line=N,quantity=N[,pack=CODE] and, where \
they apply, outcome=good|damaged|missing|surplus|wrong|expired, batch=ID, owner=CODE, serial=NUMBER (repeatable), \
parcel=SSCC in which that was found; surplus and wrong goods also item=CODE, lot=LOT, expires=DAY.")]
    Receive(Receive),
    /// Settle missing units by a loss act: they are lost, and liability for them ends
    #[command(after_help = "\
Examples:
  keruen shipment accept-loss-act S-JEZ-1 \\
      --act kind=loss-act,number=LA-3,date=2020-07-20 --verdict liable
  keruen shipment accept-loss-act S-JEZ-1 --line 1 --liable VOLUNTEERS \\
      --act kind=loss-act,number=LA-4 --verdict exonerated")]
    AcceptLossAct(AcceptLossAct),
    /// Cancel a shipment before dispatch and give up its claims
    #[command(after_help = "\
Examples:
  keruen shipment cancel S-JEZ-1 --reason no-transport")]
    Cancel(Cancel),
    /// Show a shipment
    #[command(after_help = "\
Examples:
  keruen shipment get S-JEZ-1")]
    Get {
        /// Its id
        shipment_id: String,
    },
    /// Save a paper of a shipment as a page to print: waybill, receipt and so on
    #[command(after_help = "\
Examples:
  keruen shipment print S-JEZ-1 --document waybill
  keruen shipment print S-JEZ-1 --document hand-over-act --language kk
  keruen shipment print S-JEZ-1 --document loss-act --output act.html

It is a page of HTML for A4, with lines for pens and a QR code that names the shipment. Open it in a browser and print it.")]
    Print(Print),
    /// List shipments, newest first or as asked for
    #[command(after_help = "\
Examples:
  keruen shipment list --to HOSP-JEZ
  keruen shipment list --state dispatched --state partly-received
  keruen shipment list --filter 'late = true' --order-by expected_on
  keruen shipment list --filter 'destination_region = KZ-62 AND late = true'

Fields of --filter: shipment, origin, destination, origin_region, destination_region, state, custodian, item (with :), request, trip, \
expected_on, late (expected before today, and on its way), discrepancy, position; see `keruen help filter`. \
--order-by takes all but item and request. The column days late is empty where a shipment is not late.")]
    List {
        /// Only from this facility
        #[arg(long, value_name = "CODE")]
        from: Option<String>,
        /// Only to this facility
        #[arg(long, value_name = "CODE")]
        to: Option<String>,
        /// Only in this state; repeatable
        #[arg(long = "state", value_name = "STATE", value_parser = word::parser::<ShipmentState>())]
        states: Vec<ShipmentState>,
        #[command(flatten)]
        terms: TermsArgs,
        #[command(flatten)]
        list: ListArgs,
    },
}

/// A movement that is asked for.
#[derive(Args, Debug)]
pub struct RequestShipment {
    /// Id of your choice. Default: the server makes one
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Facility from which it goes
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    from: Option<String>,
    /// Facility to which it goes
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    to: Option<String>,
    /// What is to be sent; repeatable. See below
    #[arg(long = "line", value_name = "LINE", required_unless_present = "json", value_parser = line::shipment)]
    lines: Vec<ShipmentLine>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A claim.
#[derive(Args, Debug)]
pub struct Allocate {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Claim what there is where there is less than asked for
    #[arg(long)]
    allow_partial: bool,
    /// Who lets the origin keep less than its minimum reserve: a reference, person:ID; never a name
    #[arg(long, value_name = "REF", requires = "reserve_override_reason")]
    reserve_override_by: Option<String>,
    /// Why
    #[arg(long, value_name = "REASON", requires = "reserve_override_by", value_parser = word::parser::<ReserveOverrideReason>())]
    reserve_override_reason: Option<ReserveOverrideReason>,
    /// Another item at the origin that counts as what remains of its reserve; repeatable
    #[arg(long = "reserve-item", value_name = "CODE")]
    reserve_items: Vec<String>,
    /// Day of arrival for which the remaining life that lines ask for is reckoned. Default: today
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    arrives_on: Option<String>,
    #[command(flatten)]
    fit: FitArgs,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A departure.
#[derive(Args, Debug)]
pub struct Dispatch {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Organisation that is liable for it on its way
    #[arg(long, value_name = "CODE", required_unless_present = "json")]
    custodian: Option<String>,
    /// Reference to the person who signed for it, person:ID, for example of a duty number; never a name
    #[arg(long, value_name = "REF")]
    signed_by: Option<String>,
    /// Day on which it is expected
    #[arg(long, value_name = "DAY", value_parser = value::date)]
    expected_on: Option<String>,
    /// Waybill and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    /// What the custodian signs for. Default: sealed, where it is packed in parcels
    #[arg(long, value_parser = word::parser::<CustodyBasis>())]
    basis: Option<CustodyBasis>,
    #[command(flatten)]
    answered: AnsweredFor,
    /// Who answers for it that what is inside the equipment does not fit where it goes: a reference, never a name
    #[arg(long, value_name = "REF", requires = "fit_override_reason")]
    fit_override_by: Option<String>,
    /// Why it goes there all the same
    #[arg(long, value_name = "REASON", requires = "fit_override_by", value_parser = word::parser::<FitOverrideReason>())]
    fit_override_reason: Option<FitOverrideReason>,
    /// It has left already with what nobody had claimed for it: what the books know too little of is a discrepancy
    #[arg(long)]
    already_dispatched: bool,
    /// What has left; repeatable. Default: all of its lines, of what expires first. See below
    #[arg(long = "unit", value_name = "UNIT", value_parser = line::shipment_pick, requires = "already_dispatched")]
    units: Vec<ShipmentPick>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A receipt.
#[derive(Args, Debug)]
pub struct Receive {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// What was found; repeatable. See below
    #[arg(long = "line", value_name = "LINE", value_parser = line::shipment_receipt)]
    lines: Vec<ShipmentReceiptLine>,
    /// What was found of a parcel's seal: SSCC=intact|broken|parcel-missing; repeatable
    #[arg(long = "seal", value_name = "SSCC=STATE", value_parser = line::seal)]
    seals: Vec<SealCheck>,
    /// Days within which the sender can dispute what is not as announced. Default: 7
    #[arg(long, value_name = "DAYS")]
    answer_within: Option<i32>,
    /// Reference to the person who signed for it, person:ID; never a name
    #[arg(long, value_name = "REF")]
    signed_by: Option<String>,
    /// Acceptance act and so on: kind=KIND,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]; repeatable
    #[arg(long = "document", value_name = "DOCUMENT", value_parser = line::document)]
    documents: Vec<DocumentRef>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// The settlement of a loss.
#[derive(Args, Debug)]
pub struct AcceptLossAct {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// The act: kind=loss-act,number=TEXT[,date=DAY][,issuer=CODE][,sha256=HEX]
    #[arg(long, value_name = "DOCUMENT", required_unless_present = "json", value_parser = line::document)]
    act: Option<DocumentRef>,
    /// Who answers for it: the custodian, several, or nobody
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<LossVerdict>())]
    verdict: Option<LossVerdict>,
    /// Only of this line; repeatable. Default: of all
    #[arg(long = "line", value_name = "N")]
    lines: Vec<i32>,
    /// Only units of which this organisation answers
    #[arg(long, value_name = "CODE")]
    liable: Option<String>,
    #[command(flatten)]
    mutation: MutationArgs,
}

/// A cancellation.
#[derive(Args, Debug)]
pub struct Cancel {
    /// The shipment
    #[arg(required_unless_present = "json")]
    shipment_id: Option<String>,
    /// Why
    #[arg(long, required_unless_present = "json", value_parser = word::parser::<CancellationReason>())]
    reason: Option<CancellationReason>,
    #[command(flatten)]
    mutation: MutationArgs,
}

impl Dispatch {
    async fn run(self, session: &Session) -> Result<(), Failure> {
        let request = DispatchShipmentRequest {
            shipment_id: self.shipment_id.unwrap_or_default(),
            custodian_id: self.custodian.unwrap_or_default(),
            signed_by_ref: self.signed_by.unwrap_or_default(),
            expected_on: self.expected_on.unwrap_or_default(),
            documents: self.documents,
            fit_override: self.fit_override_by.map(|authorised_by_ref| FitOverride {
                authorised_by_ref,
                reason: self.fit_override_reason.map_or(0, Into::into),
            }),
            basis: self.basis.map_or(0, Into::into),
            agreement_override: self.answered.into(),
            already_dispatched: self.already_dispatched,
            units: self.units,
            ..Default::default()
        };
        let mutation = &self.mutation;
        if request.already_dispatched {
            return session.change_with_consequences(mutation, request).await;
        }
        session.change(mutation, request).await
    }
}

impl Verb {
    /// Does it.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        match self {
            Self::Request(args) => {
                let request = RequestShipmentRequest {
                    shipment_id: args.id.unwrap_or_default(),
                    origin_id: args.from.unwrap_or_default(),
                    destination_id: args.to.unwrap_or_default(),
                    lines: args.lines,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Allocate(args) => {
                let request = AllocateShipmentRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    allow_partial: args.allow_partial,
                    arrives_on: args.arrives_on.unwrap_or_default(),
                    fit_override: args.fit.into_override(),
                    reserve_override: args.reserve_override_by.map(|authorised_by_ref| {
                        ReserveOverride {
                            authorised_by_ref,
                            reason: args.reserve_override_reason.map_or(0, Into::into),
                        }
                    }),
                    reserve_item_ids: args.reserve_items,
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Dispatch(args) => args.run(session).await,
            Self::Journey(verb) => verb.run(session).await,
            Self::Receive(args) => {
                let request = ReceiveShipmentRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    lines: args.lines,
                    signed_by_ref: args.signed_by.unwrap_or_default(),
                    documents: args.documents,
                    seals: args.seals,
                    answer_within_days: args.answer_within.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::AcceptLossAct(args) => {
                let request = AcceptLossActRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    act: args.act,
                    verdict: args.verdict.map_or(0, Into::into),
                    lines: args.lines,
                    liable_id: args.liable.unwrap_or_default(),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Cancel(args) => {
                let request = CancelShipmentRequest {
                    shipment_id: args.shipment_id.unwrap_or_default(),
                    reason: args.reason.map_or(0, Into::into),
                    ..Default::default()
                };
                session.change(&args.mutation, request).await
            }
            Self::Get { shipment_id } => session.show(GetShipmentRequest { shipment_id }).await,
            Self::Print(args) => args.run(session).await,
            Self::List {
                from,
                to,
                states,
                terms,
                list,
            } => {
                let request = ListShipmentsRequest {
                    filter: terms.filter,
                    order_by: terms.order_by,
                    origin_id: from.unwrap_or_default(),
                    destination_id: to.unwrap_or_default(),
                    states: states.into_iter().map(Into::into).collect(),
                    min_position: list.min_position,
                    ..Default::default()
                };
                session.list(request, list.limit).await
            }
        }
    }
}
