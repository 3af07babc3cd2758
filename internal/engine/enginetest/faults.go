package enginetest

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// FaultKind names a way in which an engine fails.
type FaultKind string

// The faults of a chat. Those without a remark answer at once.
const (
	FaultLatency    FaultKind = "latency"     // waits Fault.For, then answers as usual
	FaultHang       FaultKind = "hang"        // never answers
	FaultReset      FaultKind = "reset"       // resets the connection before the first byte
	FaultResetBody  FaultKind = "reset-body"  // resets it in the middle of the body
	FaultCut        FaultKind = "cut"         // closes it in the middle of the body
	FaultTruncate   FaultKind = "truncate"    // JSON that ends too soon, in a whole reply
	FaultError      FaultKind = "500"         // an internal error
	FaultShutdown   FaultKind = "shutdown"    // 500 as during vLLM's drain
	FaultGateway    FaultKind = "502"         // an HTML page of a proxy
	FaultBusy       FaultKind = "503"         // the engine's queue is full
	FaultRateLimit  FaultKind = "429"         // with Retry-After: 7
	FaultEmpty      FaultKind = "empty"       // no choices
	FaultNoBody     FaultKind = "no-body"     // status 200 without a body
	FaultForeign    FaultKind = "foreign"     // a letter that no choice has
	FaultOtherModel FaultKind = "other-model" // another model's name in the reply
	FaultHuge       FaultKind = "huge"        // a body of 10 MB
	FaultDrip       FaultKind = "drip"        // a byte every Fault.For, or every 50 ms
	FaultDie        FaultKind = "die"         // a stream that ends with an error event
	FaultStop       FaultKind = "stop"        // a stream that ends without a reason and [DONE]
	FaultLoading    FaultKind = "loading"     // 503 on every path for Fault.For
)

// Fault is one fault to be injected. A request may also ask for its own by the headers X-Fault and X-Fault-Ms.
type Fault struct {
	Kind  FaultKind
	Times int           // requests that meet it; 0 for one, < 0 for all that follow
	For   time.Duration // where the kind says so
}

// Inject lets the next chats meet a fault. Faults are met in the order in which they were injected; Inject without any
// ends all, loading too.
func (v *VLLM) Inject(faults ...Fault) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(faults) == 0 {
		v.faults, v.ready = nil, time.Time{}
	}
	for _, f := range faults {
		if f.Kind == FaultLoading {
			v.ready = time.Now().Add(f.For)
			continue
		}
		if f.Times == 0 {
			f.Times = 1
		}
		v.faults = append(v.faults, f)
	}
}

// adminFault injects {"kind":"hang","times":1,"ms":500}; a body without a kind ends all faults.
func (v *VLLM) adminFault(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Kind  FaultKind `json:"kind"`
		Times int       `json:"times"`
		Ms    int       `json:"ms"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&body); err != nil {
		writeFailure(w, invalidJSON)
		return
	}
	if body.Kind == "" {
		v.Inject()
	} else {
		v.Inject(Fault{Kind: body.Kind, Times: body.Times, For: time.Duration(body.Ms) * time.Millisecond})
	}
	w.WriteHeader(http.StatusNoContent)
}

func (v *VLLM) nextFault(r *http.Request) (Fault, bool) {
	if kind := r.Header.Get("X-Fault"); kind != "" {
		ms, _ := strconv.Atoi(r.Header.Get("X-Fault-Ms"))
		return Fault{Kind: FaultKind(kind), For: time.Duration(ms) * time.Millisecond}, true
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.faults) == 0 {
		return Fault{}, false
	}
	f := v.faults[0]
	if v.faults[0].Times--; v.faults[0].Times == 0 {
		v.faults = v.faults[1:]
	}
	return f, true
}

// A reply that the faults below spoil.
const spoiled = `{"id":"chatcmpl-0","object":"chat.completion","created":0,"model":"sat-base","choices":[{"index":0,` +
	`"message":{"role":"assistant","content":"Z"},"logprobs":null,"finish_reason":"length"}],` +
	`"usage":{"prompt_tokens":1,"total_tokens":2,"completion_tokens":1}}`

// fail plays a fault; done is false where the request is to be answered after it.
func (v *VLLM) fail(w http.ResponseWriter, r *http.Request, f Fault, model string) (done bool) {
	reply := strings.Replace(spoiled, "sat-base", model, 1)
	switch f.Kind {
	case FaultLatency:
		return !v.clock.wait(r.Context(), f.For)
	case FaultHang:
		<-r.Context().Done()
	case FaultReset, FaultResetBody, FaultCut:
		sever(w, f.Kind, reply)
	case FaultTruncate:
		writeText(w, http.StatusOK, reply[:len(reply)/2])
	case FaultError:
		writeFailure(w, &failure{"an internal error", "InternalServerError", nil, http.StatusInternalServerError})
	case FaultShutdown:
		writeFailure(w, shuttingDown)
	case FaultGateway:
		writeText(w, http.StatusBadGateway, "<html><body>502 Bad Gateway</body></html>")
	case FaultBusy:
		writeFailure(w, engineBusy)
	case FaultRateLimit:
		w.Header().Set("Retry-After", "7")
		writeFailure(w, &failure{"Too many requests", "RateLimitError", nil, http.StatusTooManyRequests})
	case FaultEmpty:
		writeText(w, http.StatusOK, `{"model":"`+model+`","choices":[]}`)
	case FaultNoBody:
		w.WriteHeader(http.StatusOK)
	case FaultForeign:
		writeText(w, http.StatusOK, reply)
	case FaultOtherModel:
		writeText(w, http.StatusOK, strings.Replace(spoiled, "sat-base", "another-model", 1))
	case FaultHuge:
		writeText(w, http.StatusOK, strings.Replace(reply, `"Z"`, `"`+strings.Repeat("Z", 10<<20)+`"`, 1))
	case FaultDrip:
		v.drip(w, r, f.For, reply)
	case FaultDie, FaultStop:
		breakStream(w, f.Kind, model)
	}
	return true
}

func writeText(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// sever takes the connection from the server and ends it.
func sever(w http.ResponseWriter, kind FaultKind, reply string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // HTTP/2: the nearest thing
	}
	defer func() { _ = conn.Close() }()
	if kind != FaultReset {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "+
			strconv.Itoa(len(reply))+"\r\n\r\n"+reply[:len(reply)/2])
	}
	if tcp, ok := conn.(*net.TCPConn); ok && kind != FaultCut {
		if kind == FaultResetBody {
			time.Sleep(20 * time.Millisecond) // a reset overtakes what was sent just before
		}
		_ = tcp.SetLinger(0)
	}
}

func (v *VLLM) drip(w http.ResponseWriter, r *http.Request, every time.Duration, reply string) {
	if every <= 0 {
		every = 50 * time.Millisecond
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(reply)))
	for i := range reply {
		_, _ = io.WriteString(w, reply[i:i+1])
		_ = http.NewResponseController(w).Flush()
		if !v.clock.wait(r.Context(), every) {
			return
		}
	}
}

// breakStream sends two pieces and then what vLLM sends when its core dies, or nothing more.
func breakStream(w http.ResponseWriter, kind FaultKind, model string) {
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	for _, piece := range []string{"A", ")"} {
		sendEvent(w, chatReply{Model: model, Choices: []chatChoice{{Delta: &chatMessage{Content: piece}}}})
	}
	if kind == FaultDie {
		sendEvent(w, engineDied.body())
		_, _ = io.WriteString(w, "data: [DONE]\n\n")
	}
}
