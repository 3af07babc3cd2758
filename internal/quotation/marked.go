package quotation

import "regexp"

// inMarks matches what stands between quotation marks: curly or straight double ones, or guillemets.
var inMarks = regexp.MustCompile(`“([^“”]+)”|"([^"]+)"|«([^«»]+)»`)

// Marked gives what a text puts in quotation marks, in order.
func Marked(text string) []string {
	var found []string
	for _, m := range inMarks.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1]+m[2]+m[3])
	}
	return found
}
