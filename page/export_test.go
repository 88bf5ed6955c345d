package page

// NewQuick makes a page on QuickJS, for the tests that both engines must pass. Its beacons go to send, if it is not nil.
func NewQuick(o Options, send func(url string, data any) error) (*quick, error) {
	q, err := newQuick(o)
	if err == nil && send != nil {
		q.beacon = func(url string, data any) (bool, error) {
			err := send(url, data)
			return err == nil, err
		}
	}
	return q, err
}
