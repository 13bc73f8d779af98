//! What each program's database role may do: as little as its statements need.

use std::{error::Error, fmt};

use llmlite_core::ports::StoreError;

use crate::store::Store;

/// Rights on tables, and functions that may be run.
struct Rights {
    tables: &'static [(&'static str, &'static str)],
    functions: &'static [&'static str],
}

/// What gateways go by they may read and never write; what they count they may write.
const GATEWAY: Rights = Rights {
    tables: &[
        ("refinery_schema_history", "SELECT"),
        ("settings", "SELECT"),
        ("teams", "SELECT"),
        // Whose key it is, but not who that is.
        ("users", "SELECT (id, team_id, models)"),
        ("virtual_keys", "SELECT"),
        ("limits", "SELECT"),
        ("models", "SELECT"),
        ("changes", "SELECT"),
        ("change_counter", "SELECT"),
        ("gateway_instances", "SELECT, INSERT, UPDATE"),
        ("budget_accounts", "SELECT, INSERT, UPDATE"),
        ("budget_leases", "SELECT, INSERT, UPDATE, DELETE"),
        ("rate_windows", "SELECT, INSERT, UPDATE"),
        ("permit_pools", "SELECT, INSERT, UPDATE"),
        ("permit_leases", "SELECT, INSERT, UPDATE, DELETE"),
        ("budget_announcements", "SELECT, INSERT, UPDATE"),
        ("usage_event", "SELECT, INSERT"),
        ("usage_intent", "SELECT, INSERT, DELETE"),
        ("usage_rollup_day", "SELECT, INSERT, UPDATE"),
    ],
    functions: &[
        "event_time",
        "make_usage_partitions",
        "present_ceiling",
        "charged_accounts",
        "is_heard",
        "finite_ceiling",
        "lease_growth",
        "exchange_budgets",
        "exchange_rates",
        "exchange_permits",
        "exchange_quota",
        "charge_budgets",
        "release_leases",
        "close_instance",
        "orphan_instance",
        "note_intents",
    ],
};

/// Administrators change what gateways go by, and read what they count.
const ADMIN: Rights = Rights {
    tables: &[
        ("refinery_schema_history", "SELECT"),
        ("settings", "SELECT, INSERT, UPDATE, DELETE"),
        ("teams", "SELECT, INSERT, UPDATE, DELETE"),
        ("users", "SELECT, INSERT, UPDATE, DELETE"),
        ("virtual_keys", "SELECT, INSERT, UPDATE, DELETE"),
        ("limits", "SELECT, INSERT, UPDATE, DELETE"),
        ("models", "SELECT, INSERT, UPDATE, DELETE"),
        ("changes", "SELECT"),
        ("change_counter", "SELECT"),
        ("gateway_instances", "SELECT"),
        ("budget_accounts", "SELECT"),
        ("budget_leases", "SELECT"),
        ("rate_windows", "SELECT"),
        ("permit_pools", "SELECT"),
        ("permit_leases", "SELECT"),
        ("budget_announcements", "SELECT"),
        ("usage_event", "SELECT"),
        ("usage_intent", "SELECT"),
        ("usage_rollup_day", "SELECT"),
    ],
    functions: &[
        "event_time",
        "make_usage_partitions",
        "present_ceiling",
        "charged_accounts",
        "is_heard",
    ],
};

impl Store {
    /// Gives the database roles of the gateways and of the administrator's programs exactly the
    /// rights that these need, and takes from them whatever else they have in this schema. To be
    /// run by the owner of the schema, after each migration.
    ///
    /// # Errors
    ///
    /// [`RoleError::Missing`] when there is no such role, and [`RoleError::Unfit`] when a role may
    /// do everything anyway, or both are the same.
    pub async fn grant_roles(&self, gateway: &str, admin: &str) -> Result<(), RoleError> {
        if gateway == admin {
            return Err(RoleError::Unfit(gateway.to_owned()));
        }
        for role in [gateway, admin] {
            let rows = self.lookup(CHECK, &[&role]).await?;
            let may_do_all = rows.first().map(|row| row.try_get::<_, bool>(0));
            match may_do_all {
                None => return Err(RoleError::Missing(role.to_owned())),
                Some(Ok(false)) => {}
                Some(_) => return Err(RoleError::Unfit(role.to_owned())),
            }
        }
        for (role, rights) in [(gateway, GATEWAY), (admin, ADMIN)] {
            let (tables, verbs): (Vec<&str>, Vec<&str>) = rights.tables.iter().copied().unzip();
            self.long(GRANT, &[&role, &tables, &verbs, &rights.functions])
                .await?;
        }
        Ok(())
    }
}

/// Why a role was not given its rights.
#[derive(Debug)]
#[non_exhaustive]
pub enum RoleError {
    /// The database has no role of that name.
    Missing(String),
    /// A superuser, the owner of the tables, or the same role for both: it would not be bound.
    Unfit(String),
    /// The database could not be reached, or refused.
    Store(StoreError),
}

impl fmt::Display for RoleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(role) => write!(f, "there is no database role \"{role}\""),
            Self::Unfit(role) => write!(
                f,
                "the database role \"{role}\" cannot be confined: gateways and administrators need \
                 a role each, neither of which owns the tables or is a superuser"
            ),
            Self::Store(_) => f.write_str("the rights could not be granted"),
        }
    }
}

impl Error for RoleError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Store(cause) => Some(cause),
            Self::Missing(_) | Self::Unfit(_) => None,
        }
    }
}

impl From<StoreError> for RoleError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Whether a role may do everything with the tables, whatever it is granted.
const CHECK: &str = "\
-- roles.check
SELECT rolsuper OR EXISTS (
           SELECT FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND pg_has_role(r.oid, c.relowner, 'MEMBER'))
  FROM pg_roles r
 WHERE rolname = $1";

const GRANT: &str = "\
-- roles.grant
SELECT grant_rights($1, $2, $3, $4)";
