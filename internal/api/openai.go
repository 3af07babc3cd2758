package api

// The shapes of the OpenAI-compatible calls below /v1. What a client sends besides is ignored.

// ChatRequest is the body of POST /v1/chat/completions.
type ChatRequest struct {
	Model               string         `json:"model,omitempty" doc:"A name from GET /v1/models; the default model when left out."`
	Messages            []ChatMessage  `json:"messages" doc:"The conversation. Where its last message holds a question with its passage and choices, that question is answered."`
	Stream              bool           `json:"stream,omitempty"`
	StreamOptions       *StreamOptions `json:"stream_options,omitempty"`
	MaxTokens           *int           `json:"max_tokens,omitempty" doc:"Of a conversation; 1 to 512, 256 when left out."`
	MaxCompletionTokens *int           `json:"max_completion_tokens,omitempty" doc:"The newer name of max_tokens."`
	Temperature         *float64       `json:"temperature,omitempty" doc:"Of a conversation; 0 when left out. Questions are answered without chance."`
	Seed                *int64         `json:"seed,omitempty"`
	N                   *int           `json:"n,omitempty" doc:"Only 1."`
}

// StreamOptions say what a stream ends with.
type StreamOptions struct {
	IncludeUsage bool `json:"include_usage,omitempty"`
}

// ChatMessage is one message of the conversation.
type ChatMessage struct {
	Role    string `json:"role" enum:"system,developer,user,assistant,tool"`
	Content any    `json:"content" doc:"Text, or a list of parts of type text."`
}

// ChatReply is the reply to a call that is not streamed.
type ChatReply struct {
	ID      string       `json:"id"`
	Object  string       `json:"object" enum:"chat.completion"`
	Created int64        `json:"created"`
	Model   string       `json:"model"`
	Edition string       `json:"system_fingerprint,omitempty" doc:"The adapter, or the base, with the beginning of its digest."`
	Choices []ChatChoice `json:"choices"`
	Usage   *ChatUsage   `json:"usage"`
}

// ChatChoice is the one reply.
type ChatChoice struct {
	Index        int       `json:"index"`
	Message      ChatWords `json:"message"`
	FinishReason string    `json:"finish_reason" enum:"stop,length"`
	Logprobs     any       `json:"logprobs"`
}

// ChatWords are words of the assistant.
type ChatWords struct {
	Role    string `json:"role,omitempty"`
	Content string `json:"content"`
}

// ChatChunk is one event of a streamed reply.
type ChatChunk struct {
	ID      string        `json:"id"`
	Object  string        `json:"object" enum:"chat.completion.chunk"`
	Created int64         `json:"created"`
	Model   string        `json:"model"`
	Edition string        `json:"system_fingerprint,omitempty"`
	Choices []ChunkChoice `json:"choices"`
	Usage   *ChatUsage    `json:"usage,omitempty"`
}

// ChunkChoice is what one event adds to the reply.
type ChunkChoice struct {
	Index        int       `json:"index"`
	Delta        ChatDelta `json:"delta"`
	FinishReason *string   `json:"finish_reason"`
}

// ChatDelta is a piece of the reply.
type ChatDelta struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

// ChatUsage counts tokens. LatencyMS is ours: how long the whole answer took.
type ChatUsage struct {
	PromptTokens     int            `json:"prompt_tokens"`
	CompletionTokens int            `json:"completion_tokens"`
	TotalTokens      int            `json:"total_tokens"`
	PromptDetails    *PromptDetails `json:"prompt_tokens_details,omitempty"`
	LatencyMS        float64        `json:"latency_ms,omitempty"`
}

// PromptDetails tell how much of the prompt was read from the engine's cache.
type PromptDetails struct {
	CachedTokens int `json:"cached_tokens"`
}

// GatewayModels is the body of GET /v1/models.
type GatewayModels struct {
	Object string         `json:"object" enum:"list"`
	Data   []GatewayModel `json:"data"`
}

// GatewayModel is one served name.
type GatewayModel struct {
	ID      string `json:"id"`
	Object  string `json:"object" enum:"model"`
	Created int64  `json:"created"`
	OwnedBy string `json:"owned_by"`
}

// GatewayError is every error body below /v1.
type GatewayError struct {
	Error GatewayFault `json:"error"`
}

// GatewayFault says what went wrong, for a person, and for a program by type and code.
type GatewayFault struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}
