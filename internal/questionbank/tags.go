package questionbank

import (
	"regexp"
	"slices"
	"strings"

	"sattutor/internal/sat"
)

// Names of the tags that carry fields, for formats whose only free field is a list of tags.
const (
	tagFramework  = "framework"
	tagDomain     = "domain"
	tagSkill      = "skill"
	tagDifficulty = "difficulty"
	tagGenre      = "genre"
	tagRequires   = "requires"
	tagPrevious   = "previous"
	tagSplit      = "split"
	tagLicence    = "licence"
	tagSource     = "source"
	tagTag        = "tag" // an item's own tag
)

var fieldTags = []string{tagFramework, tagDomain, tagSkill, tagDifficulty, tagGenre, tagRequires, tagPrevious, tagSplit,
	tagLicence, tagSource, tagTag}

// property is a field of an item as name and value.
type property struct{ name, value string }

// properties gives the fields of an item that stand in no text, its own tags last.
func properties(it sat.Item) []property {
	all := []property{{tagFramework, string(it.Framework)}, {tagDomain, string(it.Domain)}, {tagSkill, string(it.Skill)},
		{tagDifficulty, string(it.Difficulty)}, {tagGenre, string(it.Genre)}}
	for _, r := range it.Requires {
		all = append(all, property{tagRequires, string(r)})
	}
	all = append(all, property{tagPrevious, it.PreviousID}, property{tagSplit, string(it.Split)},
		property{tagLicence, it.Licence}, property{tagSource, it.Source})
	for _, tag := range it.Tags {
		all = append(all, property{tagTag, tag})
	}
	return slices.DeleteFunc(all, func(p property) bool { return p.value == "" })
}

// tagsOf gives an item's properties as tags, but for its source, which is no word.
func tagsOf(it sat.Item) []string {
	var tags []string
	for _, p := range properties(it) {
		switch {
		case p.name == tagSource:
		case p.name != tagTag || fieldTag(p.value):
			tags = append(tags, p.name+":"+p.value)
		default:
			tags = append(tags, p.value)
		}
	}
	return tags
}

// fieldTag says whether a tag would be read as a field.
func fieldTag(tag string) bool {
	name, _, found := strings.Cut(tag, ":")
	return found && slices.Contains(fieldTags, name)
}

// set gives an item the value of a property, and reports whether it has a place for it.
func (p property) set(it *sat.Item) bool {
	switch p.name {
	case tagFramework:
		return assign(&it.Framework, p.value, sat.Frameworks())
	case tagDomain:
		return assign(&it.Domain, p.value, sat.Domains())
	case tagSkill:
		return assign(&it.Skill, p.value, sat.Skills())
	case tagDifficulty:
		return assign(&it.Difficulty, p.value, sat.Difficulties())
	case tagGenre:
		return assign(&it.Genre, p.value, sat.Genres())
	case tagSplit:
		return assign(&it.Split, p.value, sat.Splits())
	case tagRequires:
		var r sat.Requirement
		if !assign(&r, p.value, sat.Requirements()) {
			return false
		}
		it.Requires = append(it.Requires, r)
	case tagPrevious:
		it.PreviousID = p.value
	case tagLicence:
		it.Licence = p.value
	case tagSource:
		it.Source = p.value
	case tagTag:
		if !sat.ValidTag(p.value) {
			return false
		}
		it.Tags = append(it.Tags, p.value)
	default:
		return false
	}
	return true
}

func assign[T ~string](field *T, value string, known []T) bool {
	if !slices.Contains(known, T(value)) {
		return false
	}
	*field = T(value)
	return true
}

var notInTags = regexp.MustCompile(`[^A-Za-z0-9_.:-]+`)

// readTag gives an item what a tag says: one of its fields, or a tag of its own, made legal where it is not.
func readTag(it *sat.Item, tag string) {
	tag = strings.TrimSpace(tag)
	if name, value, found := strings.Cut(tag, ":"); found && slices.Contains(fieldTags, name) {
		if (property{name, value}).set(it) {
			return
		}
	}
	legal := strings.Trim(notInTags.ReplaceAllString(tag, "_"), "_")
	if legal = legal[:min(len(legal), 50)]; legal != "" {
		it.Tags = append(it.Tags, legal)
	}
}

var notInIDs = regexp.MustCompile(`[^a-z0-9._-]+`)

// readID gives a foreign identifier as an id, "" where nothing of it is left.
func readID(s string) string {
	id := strings.Trim(notInIDs.ReplaceAllString(strings.ToLower(s), "-"), "-._")
	return id[:min(len(id), 64)]
}
