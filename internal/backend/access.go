package backend

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"

	"sattutor/internal/middleware"
	"sattutor/internal/sat"
)

// access says who may use a route.
type access struct {
	open   bool      // to everybody, without asking who it is
	role   sat.Role  // whose rights are needed; "" for none
	scope  sat.Scope // what an API key must open; "" for routes that keys do not open
	signIn bool      // only for who signed in with a password: accounts are not managed by keys, nor by guests
	engine bool      // asks the engine: counts against the quota of answers
	once   bool      // stores something: Idempotency-Key holds
	file   bool      // takes a file of questions: counts against the quotas of imports
}

// accessOf looks a route up. One that is not in the table is refused, and a test says so.
func accessOf(route string) (access, bool) {
	a, ok := accesses()[route]
	return a, ok
}

// accesses is the table of all routes, made once: it is looked up several times a request.
var accesses = sync.OnceValue(func() map[string]access {
	open, everybody := access{open: true}, access{}
	asks := access{role: sat.Student, scope: sat.ScopeAnswers, engine: true, once: true}
	own := access{role: sat.Student}
	account := access{role: sat.Student, signIn: true}
	evaluator := access{role: sat.Evaluator}
	admin := access{role: sat.Admin, scope: sat.ScopeAdmin}
	reads := access{role: sat.Student, scope: sat.ScopeItems}
	teaches := access{role: sat.Teacher, scope: sat.ScopeItems}
	teachesOnce := access{role: sat.Teacher, scope: sat.ScopeItems, once: true}
	return map[string]access{
		"GET /":               open,
		"GET /health":         open,
		"GET /ready":          open,
		"GET /version":        open,
		"GET /openapi.json":   open,
		"GET /docs":           open,
		"GET /docs/style.css": open,

		"POST /submit_mcq":             asks,
		"POST /api/v1/answers":         asks,
		"POST /api/v1/questions:parse": {role: sat.Student, scope: sat.ScopeAnswers},
		"GET /api/v1/models":           everybody,

		"GET /v1/models":            {role: sat.Student, scope: sat.ScopeV1},
		"GET /v1/models/{model}":    {role: sat.Student, scope: sat.ScopeV1},
		"POST /v1/chat/completions": {role: sat.Student, scope: sat.ScopeV1, engine: true},

		"POST /api/v1/guests":             everybody,
		"POST /api/v1/accounts":           everybody,
		"POST /api/v1/sign-ins":           everybody,
		"GET /api/v1/me":                  everybody,
		"PATCH /api/v1/me":                own,
		"GET /api/v1/me/export":           own,
		"POST /api/v1/me:erase":           own,
		"GET /api/v1/me/answers":          own,
		"DELETE /api/v1/me/answers/{id}":  own,
		"PUT /api/v1/me/password":         account,
		"GET /api/v1/sign-ins":            account,
		"DELETE /api/v1/sign-ins":         account,
		"DELETE /api/v1/sign-ins/current": account,
		"DELETE /api/v1/sign-ins/{id}":    account,
		"GET /api/v1/keys":                account,
		"POST /api/v1/keys":               account,
		"DELETE /api/v1/keys/{id}":        account,

		"GET /api/v1/items":                   reads,
		"GET /api/v1/items/{id}":              reads,
		"GET /api/v1/items/{id}/similar":      reads,
		"GET /api/v1/items/{id}/evidence":     reads,
		"GET /api/v1/passages":                reads,
		"GET /api/v1/passages/{id}":           reads,
		"GET /api/v1/items/{id}/history":      teaches,
		"POST /api/v1/passages":               teachesOnce,
		"PUT /api/v1/passages/{id}":           teaches,
		"DELETE /api/v1/passages/{id}":        teaches,
		"POST /api/v1/items/{id}/reports":     {role: sat.Student, scope: sat.ScopeItems, once: true},
		"POST /api/v1/items:check":            teaches,
		"POST /api/v1/items":                  teachesOnce,
		"PUT /api/v1/items/{id}":              teaches,
		"DELETE /api/v1/items/{id}":           teaches,
		"POST /api/v1/items:import":           {role: sat.Teacher, scope: sat.ScopeItems, once: true, file: true},
		"GET /api/v1/items:export":            teaches,
		"GET /api/v1/item-reports":            teaches,
		"PATCH /api/v1/item-reports/{id}":     teaches,
		"GET /api/v1/bank-changes":            teaches,
		"POST /api/v1/bank-changes/{id}/undo": teachesOnce,

		"POST /api/v1/arena/pairs":     {role: sat.Evaluator, engine: true, once: true},
		"GET /api/v1/arena/pairs/{id}": evaluator,
		"POST /api/v1/arena/votes":     {role: sat.Evaluator, once: true},
		"GET /api/v1/arena/votes":      evaluator,
		"GET /api/v1/arena/summary":    evaluator,

		"GET /api/v1/users":                admin,
		"PATCH /api/v1/users/{id}":         admin,
		"POST /api/v1/users/{id}/password": admin,
		"POST /api/v1/invites":             admin,
		"GET /api/v1/access-log":           admin,
	}
})

// routeOf names the route of a request as accessOf knows it. It is known once the router has matched.
func routeOf(r *http.Request) string {
	return r.Method + " " + chi.RouteContext(r.Context()).RoutePattern()
}

// identified finds out who makes the request. A secret that opens nothing is told of behind the quotas, so that trying
// many is counted like anything else.
func (s *Server) identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		visit := &visit{route: routeOf(r)}
		visit.rule, visit.listed = accessOf(visit.route)
		if !visit.rule.open {
			visit.who, visit.err = s.identify(r)
		}
		if visit.err != nil || visit.rule.open {
			visit.who = sat.Identity{Manner: sat.Anonymous}
		}
		visit.who.Address = middleware.ClientOf(r)
		ctx := context.WithValue(sat.WithIdentity(r.Context(), visit.who), visitKey{}, visit)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// visit is who makes a request, or why that is not known, and who may make it.
type visit struct {
	route  string
	rule   access
	listed bool // the route is in the table
	who    sat.Identity
	err    error
}

type visitKey struct{}

// visitOf gives what identified found; nobody before it.
func visitOf(r *http.Request) *visit {
	if v, ok := r.Context().Value(visitKey{}).(*visit); ok {
		return v
	}
	return &visit{}
}

// admitted refuses who may not use a route.
func (s *Server) admitted(next http.Handler) http.Handler {
	return handle(func(w http.ResponseWriter, r *http.Request) error {
		visit := visitOf(r)
		if !visit.listed {
			return sat.Errorf(sat.Forbidden, "This path is closed.")
		}
		if visit.err != nil && (visit.rule.role != "" || sat.CodeOf(visit.err) != sat.Unauthorized) {
			return visit.err // where everybody is let in, nobody is asked for a better secret
		}
		if err := permits(visit.rule, visit.who); err != nil {
			return err
		}
		next.ServeHTTP(w, r)
		return nil
	})
}

// identify finds who shows the secret of a request. The gateway's own key is that of a service beside this one.
func (s *Server) identify(r *http.Request) (sat.Identity, error) {
	secret := bearer(r)
	if strings.HasPrefix(r.URL.Path, gatewayPrefix) && s.opts.GatewayKey != "" && same(secret, s.opts.GatewayKey) {
		return sat.Identity{Manner: sat.ByKey, User: sat.User{ID: "gateway", Role: sat.Student, KeepAnswers: true},
			Key: sat.APIKey{ID: "gateway", Scopes: []sat.Scope{sat.ScopeV1}}}, nil
	}
	if s.opts.Accounts == nil {
		return sat.Identity{Manner: sat.AsLocal, User: sat.User{ID: "local", Role: sat.Student}}, nil
	}
	return s.opts.Accounts.Identify(r.Context(), secret)
}

// bearer is the secret that a request shows, with or without the word before it; "" for none.
func bearer(r *http.Request) string {
	secret := r.Header.Get("Authorization")
	if scheme, rest, ok := strings.Cut(secret, " "); ok {
		if !strings.EqualFold(scheme, "Bearer") {
			return ""
		}
		secret = rest
	}
	return strings.TrimSpace(secret)
}

// same compares secrets in a time that tells nothing of them.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// permits says why somebody may not use a route.
func permits(rule access, who sat.Identity) error {
	switch {
	case rule.role == "":
		return nil
	case !who.Known():
		return sat.Errorf(sat.Unauthorized, "Sign in first, or send an API key as Authorization: Bearer.")
	case who.Manner == sat.ByKey && rule.scope == "":
		return sat.Errorf(sat.Forbidden, "An API key does not open this. Sign in with your password.")
	case who.Manner == sat.ByKey && !who.Key.Opens(rule.scope):
		return sat.Errorf(sat.Forbidden, "This key does not open this part of the API; it lacks the scope %s.", rule.scope)
	case rule.signIn && who.Manner == sat.AsLocal:
		return sat.Errorf(sat.Conflict, "Accounts are switched off here: everything is yours without signing in.")
	case rule.signIn && who.Manner != sat.BySignIn:
		return sat.Errorf(sat.Unauthorized, "Sign in first: this belongs to an account.")
	case !who.May(rule.role):
		return sat.Errorf(sat.Forbidden, "Your account does not have the rights for this.")
	}
	return nil
}

// Limits are how much callers may ask for, by kind. The zero value of a number means no limit.
type Limits struct {
	Account    int // answers a minute of one account or guest
	Key        int // answers a minute of one API key
	Address    int // requests a minute of one address without an account
	AccountNow int // answers of one account or guest at a time
	KeyNow     int // answers of one API key at a time
	AddressNow int // requests of one address without an account at a time
	Imports    int // files of questions an hour that one account may have stored, by sign-in and keys together
	ImportsNow int // files of one account at a time, rehearsals included
}

// filesFactor is how many more files may be looked at than stored, so that one can be rehearsed until it is right.
const filesFactor = 4

// generalFactor is how many more ordinary requests than answers a caller may make.
const generalFactor = 10

// charges gives what a request counts against: key, account, address, in this order. The person at the machine is free.
func (l Limits) charges(r *http.Request) (list []middleware.Charge) {
	who, rule := sat.IdentityOf(r.Context()), visitOf(r).rule
	charge := func(kind string, perMinute, now int, name string) {
		if !rule.engine && kind != "address" {
			kind, perMinute, now = "general/"+kind, perMinute*generalFactor, 0
		}
		if perMinute > 0 {
			list = append(list, middleware.Charge{Quota: middleware.Quota{Name: kind, Requests: perMinute, AtATime: now}, Who: name})
		}
	}
	if rule.file {
		list = l.files(r, who)
	}
	switch who.Manner {
	case sat.AsLocal:
		return nil
	case sat.ByKey:
		charge("key", l.Key, l.KeyNow, who.Key.ID)
	case sat.BySignIn:
		charge("account", l.Account, l.AccountNow, who.User.ID)
	case sat.AsGuest: // guests cost nothing to make: their address counts too
		charge("account", l.Account, l.AccountNow, who.User.ID)
		charge("address", l.Address, l.AddressNow, middleware.ClientOf(r))
	default:
		if rule.open { // monitors ask there, and must be answered whatever else goes on
			return nil
		}
		charge("address", l.Address, l.AddressNow, middleware.ClientOf(r))
	}
	return list
}

// files gives what a file of questions counts against, besides being a request like others.
func (l Limits) files(r *http.Request, who sat.Identity) (list []middleware.Charge) {
	if l.Imports == 0 || !who.Known() {
		return nil
	}
	add := func(kind string, anHour, now int) {
		list = append(list, middleware.Charge{Who: who.User.ID,
			Quota: middleware.Quota{Name: kind, Requests: anHour, Window: time.Hour, AtATime: now}})
	}
	if rehearsal, _ := strconv.ParseBool(r.URL.Query().Get("dry_run")); !rehearsal {
		add("imports", l.Imports, 0)
	}
	add("files", l.Imports*filesFactor, l.ImportsNow)
	return list
}
