//go:build unix

package browsertest

import (
	"fmt"
	"strconv"
)

// decodeEvaluation returns the value that the script evaluation encoded.
func decodeEvaluation(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		for i, inner := range value {
			decoded, err := decodeEvaluation(inner)
			if err != nil {
				return nil, err
			}
			value[i] = decoded
		}
	case map[string]any:
		if special, ok := value["special"].(string); ok {
			return strconv.ParseFloat(special, 64)
		}
		members, ok := value["object"].(map[string]any)
		if !ok {
			return nil, fmt.Errorf("the driver's value is %v", value)
		}
		for name, inner := range members {
			decoded, err := decodeEvaluation(inner)
			if err != nil {
				return nil, err
			}
			members[name] = decoded
		}
		return members, nil
	}
	return value, nil
}
