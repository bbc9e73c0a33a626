# What a tool says of itself, as help2man reads it.
1s/^usage/Usage/
2,3s/^       \([^ ]\)/  or:  \1/
s/^options/Options/
s/^exit status: /*Exit status*\n/
s/^  -\(.\) \[ --\([a-z0-9-]*\) \]/  -\1, --\2   /
s/^  \(.*--[a-z0-9-]*\)    arg/  \1=ARG   /
s/^  \(.*--[a-z0-9-]*\) arg/  \1=ARG/
s/=ARG  * (=\([^)]*\)) /=ARG  \1 unless given: /
