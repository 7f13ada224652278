package stream

import "time"

// Stats says where the time of a Run went, added up over its workers.
type Stats struct {
	Next   time.Duration // getting jobs
	Read   time.Duration // in Job.Read, waiting for stored bytes included (see Reader.FetchWait)
	Decode time.Duration // in Job.Decode
	Write  time.Duration // in Job.Write
	Finish time.Duration // in Job.Finish
	Idle   time.Duration // nothing to do

	Batches  int64 // batches that were read
	Stolen   int64 // tasks done for another worker's job
	Restarts int64 // jobs that gave another one to run in their place
}

func (s *Stats) add(o *Stats) {
	s.Next += o.Next
	s.Read += o.Read
	s.Decode += o.Decode
	s.Write += o.Write
	s.Finish += o.Finish
	s.Idle += o.Idle
	s.Batches += o.Batches
	s.Stolen += o.Stolen
	s.Restarts += o.Restarts
}
