// Package sat holds the types of the tutor's world: a question, its answer, the model that gave it, and coded errors.
//
// It stands below every other package and knows nothing of HTTP, of engines or of storage. A question comes in as a
// [Question], goes out as an [Answer], and whatever goes wrong on the way is an [Error] with a [Code].
package sat
